//! ChangeEmail and ConfirmEmailChange.

use rstest::rstest;

use super::{
    address_of, another_address, confirm, logs_in, move_to, open, user, verified_user, verifying,
};
use crate::{
    harness::{
        Backend, Server, logs, reason_of,
        server::{PASSWORD, registration, wrong},
    },
    mailbox::{NEW_PASSWORD, open_reset, open_verification, reset, verify_email},
};

#[rstest]
#[tokio::test]
async fn nothing_changes_before_the_code_and_then_all_of_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let other = server.session(&user).await;
    let new = another_address();
    let (id, code) = open(&server, &tokens, &user, &new).await;
    let sent = logs::messages(&user.username).pop().unwrap();
    assert_eq!(
        (&sent["purpose"], &sent["destination"]),
        (&"change_email".into(), &new.clone().into())
    );
    assert_eq!(address_of(&server, &user).await, (user.email.clone(), false));
    assert!(
        logs_in(&server, &user.email, PASSWORD).await && !logs_in(&server, &new, PASSWORD).await
    );

    let changed = confirm(&server, &tokens, (&id, &code)).await.unwrap();
    assert_eq!((changed.email.as_str(), changed.email_verified), (new.as_str(), true));
    for tokens in [&tokens, &other] {
        assert_eq!(server.me(tokens).await.unwrap().email, new, "sessions go on");
        server.refresh(&tokens.refresh_token, "").await.unwrap();
    }
    assert!(
        logs_in(&server, &new, PASSWORD).await && !logs_in(&server, &user.email, PASSWORD).await
    );
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'email_changed'";
    assert_eq!(server.database.number(recorded).await, 1);
    // The former address is free.
    server
        .register(countersign::pb::RegisterRequest { email: user.email, ..registration(false) })
        .await
        .unwrap();
}

#[rstest]
#[tokio::test]
async fn what_was_sent_to_the_former_address_opens_nothing_any_more(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let (reset_id, reset_code) = open_reset(&server, &user).await;
    let (verification, verification_code) = open_verification(&server, &user).await;
    let (other_id, other_code) = open(&server, &tokens, &user, &another_address()).await;
    move_to(&server, &tokens, &user, &another_address()).await;
    let refused = reset(&server, &reset_id, &reset_code, NEW_PASSWORD).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    let refused = verify_email(&server, &verification, &verification_code).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    let refused = confirm(&server, &tokens, (&other_id, &other_code)).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "another change that was open");
    assert!(logs_in(&server, &user.username, PASSWORD).await);
}

#[rstest]
#[tokio::test]
async fn a_login_that_waits_for_a_code_of_the_former_mailbox_ends(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    server.clock.advance(crate::mailbox::COOL_DOWN);
    let challenge = server.challenge(&user).await;
    let code = logs::code(&user.username);
    move_to(&server, &tokens, &user, &another_address()).await;
    assert_eq!(reason_of(server.verify(&challenge, &code).await), "CHALLENGE_INVALID");
    server.clock.advance(crate::mailbox::COOL_DOWN);
    server.session_by_mail(&user).await;
}

/// As by VerifyEmail: who reads the mailbox has the address, and those who only claim it end.
#[rstest]
#[tokio::test]
async fn accounts_that_only_claim_the_address_end(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    let new = another_address();
    let of = |email: &str| countersign::pb::RegisterRequest {
        email: email.to_owned(),
        ..registration(false)
    };
    let rivals =
        [server.register(of(&new)).await.unwrap(), server.register(of(&new)).await.unwrap()];
    let watched = server.session(&rivals[0]).await;
    let (user, tokens) = verified_user(&server).await;
    move_to(&server, &tokens, &user, &new).await;
    assert_eq!(address_of(&server, &user).await, (new.clone(), true));
    for rival in &rivals {
        assert!(!logs_in(&server, &rival.username, PASSWORD).await);
    }
    assert_eq!(reason_of(server.me(&watched).await), "TOKEN_INVALID");
    assert_eq!(reason_of(server.register(of(&new)).await), "EMAIL_TAKEN");
}

/// Who moves from an address that was mistyped shows by that that the new one is theirs.
#[rstest]
#[tokio::test]
async fn an_account_that_only_claims_an_address_moves_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    let (first, _) = user(&server).await;
    let request =
        countersign::pb::RegisterRequest { email: first.email.clone(), ..registration(false) };
    let second = server.register(request).await.unwrap();
    let (new, tokens) = (another_address(), server.session(&second).await);
    move_to(&server, &tokens, &second, &new).await;
    assert_eq!(address_of(&server, &second).await, (new, true));
    assert_eq!(address_of(&server, &first).await, (first.email.clone(), false));
}

#[rstest]
#[tokio::test]
async fn a_right_code_counts_after_a_wrong_one_in_any_spelling(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let (id, code) = open(&server, &tokens, &user, &another_address()).await;
    let refused = confirm(&server, &tokens, (&id, &wrong(&code))).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    let typed = code.to_lowercase().replace('-', " ");
    confirm(&server, &tokens, (&id, &typed)).await.unwrap();
}

/// Neither an address that was asked for nor a former one outlives the account.
#[rstest]
#[tokio::test]
async fn an_account_that_is_deleted_leaves_no_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let undo = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    open(&server, &tokens, &user, &another_address()).await;
    let kept = async || {
        let rows = "SELECT (SELECT COUNT(*) FROM email_changes) + \
                    (SELECT COUNT(*) FROM mailbox_codes WHERE new_email IS NOT NULL)";
        server.database.number(rows).await
    };
    assert_eq!(kept().await, 3, "one that can be undone, and two that were asked for");
    server.delete_me(&tokens, PASSWORD).await.unwrap();
    assert_eq!(kept().await, 0);
    assert_eq!(reason_of(super::undo(&server, &undo).await), "CHALLENGE_INVALID");
}
