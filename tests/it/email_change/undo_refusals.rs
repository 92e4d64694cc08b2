//! What UndoEmailChange refuses.

use std::time::Duration;

use countersign::pb::RegisterRequest;
use rstest::rstest;
use tonic::Code;

use super::{DAY, address_of, another_address, move_to, undo, user, verified_user, verifying};
use crate::harness::{
    Backend, Server, reason, reason_of,
    server::{registration, wrong},
    violations,
};

#[rstest]
#[tokio::test]
async fn a_code_works_once_and_for_seven_days(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let ((first, tokens), (second, theirs)) = (user(&server).await, user(&server).await);
    let new = another_address();
    let late = move_to(&server, &tokens, &first, &new).await.unwrap();
    let code = move_to(&server, &theirs, &second, &another_address()).await.unwrap();
    let refused = undo(&server, &wrong(&code)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "CHALLENGE_INVALID".into())
    );
    server.clock.advance(7 * DAY - Duration::from_secs(1));
    undo(&server, &code).await.unwrap();
    assert_eq!(address_of(&server, &second).await.0, second.email);
    assert_eq!(reason_of(undo(&server, &code).await), "CHALLENGE_INVALID", "again");
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(reason_of(undo(&server, &late).await), "CHALLENGE_INVALID", "too late");
    assert_eq!(address_of(&server, &first).await.0, new);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'code_failed' AND user_id IS NULL";
    assert_eq!(server.database.number(recorded).await, 3);
}

#[tokio::test]
async fn what_can_be_no_code_is_a_bad_field() {
    let server = Server::start(Backend::Sqlite).await;
    for bad in ["", "ABCDE-FGHJK", "no code", &"A".repeat(25)] {
        let refused = undo(&server, bad).await.unwrap_err();
        assert_eq!(violations(&refused), ["undo_code"], "{bad}");
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM events").await, 0);
}

#[rstest]
#[tokio::test]
async fn an_address_that_another_account_has_by_now_is_not_taken_from_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = verifying(backend).await;
    let (first, tokens) = verified_user(&server).await;
    let (second, theirs) = verified_user(&server).await;
    let new = another_address();
    let code = move_to(&server, &tokens, &first, &new).await.unwrap();
    move_to(&server, &theirs, &second, &first.email).await;
    let refused = undo(&server, &code).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::AlreadyExists, "EMAIL_TAKEN".into()));
    assert_eq!(address_of(&server, &first).await, (new, true));
    assert!(server.me(&tokens).await.is_ok(), "nothing of it was done");
    assert_eq!(address_of(&server, &second).await.0, first.email);
}

/// As Register sees it: without verification, whoever has registered an address has it.
#[rstest]
#[tokio::test]
async fn without_verification_the_first_to_register_the_former_address_keeps_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (first, tokens) = user(&server).await;
    let code = move_to(&server, &tokens, &first, &another_address()).await.unwrap();
    let request = RegisterRequest { email: first.email.clone(), ..registration(false) };
    let second = server.register(request).await.unwrap();
    assert_eq!(reason_of(undo(&server, &code).await), "EMAIL_TAKEN");
    server
        .delete_me(&server.session(&second).await, crate::harness::server::PASSWORD)
        .await
        .unwrap();
    undo(&server, &code).await.unwrap();
    assert_eq!(address_of(&server, &first).await.0, first.email);
}

#[rstest]
#[tokio::test]
async fn a_disabled_account_waits_until_it_is_enabled(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = user(&server).await;
    let code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    server.database.run("UPDATE users SET disabled_at = created_at").await;
    assert_eq!(reason_of(undo(&server, &code).await), "CHALLENGE_INVALID");
    server.database.run("UPDATE users SET disabled_at = NULL").await;
    undo(&server, &code).await.unwrap();
}

/// Against a flood of guesses, each of which is recorded: they cost the source its failures.
#[rstest]
#[tokio::test]
async fn failures_are_charged_to_the_source_and_a_right_code_is_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server =
        Server::start_with(backend, |config, _| config.policy.service_failures = 16 * 6).await;
    server.clock.stop();
    let (user, tokens) = user(&server).await;
    let code = move_to(&server, &tokens, &user, &another_address()).await.unwrap();
    let mut reasons = std::collections::BTreeSet::new();
    for _ in 0..3 {
        reasons.insert(reason_of(undo(&server, &wrong(&code)).await));
    }
    assert_eq!(reasons, ["CHALLENGE_INVALID", "THROTTLED"].map(str::to_owned).into());
    server.clock.advance(Duration::from_secs(3600));
    undo(&server, &code).await.unwrap();
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'code_failed'";
    assert_eq!(server.database.number(recorded).await, 1, "what is refused by a limit is not");
}
