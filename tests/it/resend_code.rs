//! ResendCode.

use std::time::Duration;

use countersign::pb::Challenge;
use rstest::rstest;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{Backend, Server, logs, reason, server::wrong};

const COOL_DOWN: Duration = Duration::from_secs(30);

#[rstest]
#[tokio::test]
async fn a_new_code_replaces_the_old_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let old = logs::code(&user.username);
    server.clock.advance(COOL_DOWN);
    let mut renewed = server.resend(&challenge).await.unwrap();
    // Codes are drawn at random: two alike prove nothing.
    while logs::code(&user.username) == old {
        server.clock.advance(COOL_DOWN);
        renewed = server.resend(&challenge).await.unwrap();
    }
    assert_eq!(renewed.challenge_id, challenge.challenge_id);
    assert_eq!(renewed.expire_time, challenge.expire_time);
    assert!(renewed.resend_time.unwrap().seconds > challenge.resend_time.unwrap().seconds);
    let refused = server.verify(&challenge, &old).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    assert!(server.verify(&challenge, &logs::code(&user.username)).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn too_early_is_told_how_long_to_wait(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let refused = server.resend(&challenge).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::ResourceExhausted, "THROTTLED".into()));
    let wait = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::from_secs(1) && wait <= COOL_DOWN, "{wait:?}");
    server.clock.advance(wait);
    assert!(server.resend(&challenge).await.is_ok());
    assert_eq!(reason(&server.resend(&challenge).await.unwrap_err()), "THROTTLED");
    assert_eq!(logs::codes(&user.username).len(), 2);
}

#[rstest]
#[tokio::test]
async fn a_new_code_gives_no_new_attempts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    for _ in 0..4 {
        let code = wrong(&logs::code(&user.username));
        assert!(server.verify(&challenge, &code).await.is_err());
    }
    server.clock.advance(COOL_DOWN);
    assert_eq!(server.resend(&challenge).await.unwrap().attempts_remaining, 1);
    assert!(server.verify(&challenge, &wrong(&logs::code(&user.username))).await.is_err());
    server.clock.advance(COOL_DOWN);
    let refused = server.resend(&challenge).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "CHALLENGE_EXHAUSTED".into())
    );
}

#[rstest]
#[tokio::test]
async fn unknown_used_and_expired_challenges_get_no_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let used = server.challenge(&user).await;
    server.verify(&used, &logs::code(&user.username)).await.unwrap();
    let expired = server.challenge(&user).await;
    server.clock.advance(Duration::from_secs(300));
    let unknown = Challenge { challenge_id: "unknown".into(), ..Challenge::default() };
    let sent = logs::codes(&user.username).len();
    for challenge in [used, expired, unknown, Challenge::default()] {
        let refused = server.resend(&challenge).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::Unauthenticated, "CHALLENGE_INVALID".into())
        );
    }
    assert_eq!(logs::codes(&user.username).len(), sent);
}
