//! What ChangeEmail and ConfirmEmailChange refuse.

use std::time::Duration;

use rstest::rstest;
use tonic::Code;

use super::{
    DAY, address_of, another_address, ask, confirm, move_to, open, user, verified_user, verifying,
};
use crate::{
    harness::{
        Backend, Server, logs, reason, reason_of,
        server::{PASSWORD, wrong},
        violations, wait,
    },
    mailbox::{COOL_DOWN, NEW_PASSWORD, open_reset, open_verification},
};

/// Also right after the login: a thief of the token would have the account for good.
#[rstest]
#[tokio::test]
async fn the_token_alone_is_not_enough(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let refused = ask(&server, &tokens, &another_address(), "not the password").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "INVALID_CREDENTIALS".into())
    );
    let refused = ask(&server, &tokens, "no address", "").await.unwrap_err();
    assert_eq!(violations(&refused), ["new_email", "password"]);
    let refused = ask(&server, &tokens, &user.email.to_uppercase(), PASSWORD).await.unwrap_err();
    assert_eq!(violations(&refused), ["new_email"], "it is the account's");
    assert!(logs::codes(&user.username).is_empty());
    assert_eq!(server.database.number("SELECT COUNT(*) FROM mailbox_codes").await, 0);
}

#[rstest]
#[tokio::test]
async fn a_code_works_once_for_its_user_its_purpose_and_five_minutes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (first, tokens) = user(&server).await;
    let (second, theirs) = user(&server).await;
    let (id, code) = open(&server, &tokens, &first, &another_address()).await;
    let refused = async |tokens, id: &str, code: &str| {
        let refused = confirm(&server, tokens, (id, code)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        reason(&refused)
    };
    assert_eq!(refused(&theirs, &id, &code).await, "CHALLENGE_INVALID", "another user's");
    assert_eq!(refused(&tokens, "x", &code).await, "CHALLENGE_INVALID", "unknown");
    for (id, code) in [open_reset(&server, &first).await, open_verification(&server, &first).await]
    {
        assert_eq!(refused(&tokens, &id, &code).await, "CHALLENGE_INVALID", "another purpose");
    }
    let (other, _) = open(&server, &theirs, &second, &another_address()).await;
    assert_eq!(refused(&tokens, &other, &code).await, "CHALLENGE_INVALID", "another id's");
    confirm(&server, &tokens, (&id, &code)).await.unwrap();
    assert_eq!(refused(&tokens, &id, &code).await, "CHALLENGE_INVALID", "used");

    server.clock.stop();
    let (id, code) = open(&server, &theirs, &second, &another_address()).await;
    server.clock.advance(Duration::from_secs(300));
    assert_eq!(refused(&theirs, &id, &code).await, "CHALLENGE_INVALID", "expired");
    assert_eq!(address_of(&server, &second).await.0, second.email);
}

#[rstest]
#[tokio::test]
async fn five_wrong_codes_are_the_end(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let (id, code) = open(&server, &tokens, &user, &another_address()).await;
    for _ in 0..5 {
        let refused = confirm(&server, &tokens, (&id, &wrong(&code))).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    }
    let refused = confirm(&server, &tokens, (&id, &code)).await;
    assert_eq!(reason_of(refused), "CHALLENGE_EXHAUSTED");
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'code_failed' AND user_id IS NOT NULL";
    assert_eq!(server.database.number(recorded).await, 5);
    assert_eq!(address_of(&server, &user).await.0, user.email);
}

/// It was asked for with credentials that are no more; another session of the same credentials may go on with it.
#[rstest]
#[tokio::test]
async fn a_change_dies_with_the_password_and_not_with_its_session(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (first, tokens) = user(&server).await;
    let (id, code) = open(&server, &tokens, &first, &another_address()).await;
    server.change_password(&tokens, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert_eq!(reason_of(confirm(&server, &tokens, (&id, &code)).await), "CHALLENGE_INVALID");
    assert_eq!(address_of(&server, &first).await.0, first.email);

    let (second, tokens) = user(&server).await;
    let (id, code) = open(&server, &tokens, &second, &another_address()).await;
    server.logout(&tokens.refresh_token).await.unwrap();
    assert_eq!(reason_of(confirm(&server, &tokens, (&id, &code)).await), "TOKEN_INVALID");
    let tokens = server.session(&second).await;
    confirm(&server, &tokens, (&id, &code)).await.unwrap();
}

/// Whoever shows the mailbox first has the address.
#[rstest]
#[tokio::test]
async fn an_address_that_somebody_else_has_verified_meanwhile_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    let (first, tokens) = verified_user(&server).await;
    let (second, theirs) = verified_user(&server).await;
    let new = another_address();
    let (id, code) = open(&server, &tokens, &first, &new).await;
    server.clock.advance(COOL_DOWN);
    move_to(&server, &theirs, &second, &new).await;
    assert_eq!(reason_of(confirm(&server, &tokens, (&id, &code)).await), "CHALLENGE_INVALID");
    assert_eq!(address_of(&server, &first).await, (first.email.clone(), true));
    assert!(server.me(&tokens).await.is_ok(), "nothing of it was done");
    assert_eq!(address_of(&server, &second).await, (new, true));
}

#[rstest]
#[tokio::test]
async fn mails_to_one_mailbox_have_a_cool_down_whoever_asks(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let ((_, tokens), (_, theirs)) = (user(&server).await, user(&server).await);
    let new = another_address();
    ask(&server, &tokens, &new, PASSWORD).await.unwrap();
    for tokens in [&tokens, &theirs] {
        let refused = ask(&server, tokens, &new, PASSWORD).await.unwrap_err();
        assert_eq!(reason(&refused), "THROTTLED");
    }
    server.clock.advance(COOL_DOWN);
    ask(&server, &theirs, &new, PASSWORD).await.unwrap();
}

/// An attacker can't push the owner's code out by ever more changes, nor pile rows up.
#[rstest]
#[tokio::test]
async fn ten_changes_can_be_undone_and_no_more_are_made(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (user, tokens) = user(&server).await;
    let first = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    for _ in 0..9 {
        move_to(&server, &tokens, &user, &another_address()).await;
    }
    let refused = ask(&server, &tokens, &another_address(), PASSWORD).await;
    assert_eq!(reason(refused.as_ref().unwrap_err()), "THROTTLED");
    assert!(wait(refused) > 6 * DAY);
    super::undo(&server, &first).await.unwrap();
    assert_eq!(address_of(&server, &user).await.0, user.email);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM email_changes").await, 0);
}
