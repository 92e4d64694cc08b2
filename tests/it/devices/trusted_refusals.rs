//! What makes no device a trusted one.

use std::time::Duration;

use countersign::pb::{
    ReauthenticateRequest, reauthenticate_response::Result as Again, verify2_fa_request::Proof,
};
use rstest::rstest;

use super::{
    DAY, is_asked, list, recorded, tokens_on, told, trusted, trusting, verify_with_trust,
    with_trust,
};
use crate::{
    factors::{answer, enroll, recovery, session_by_app, totp},
    harness::{
        Backend, Server, logs, reason_of,
        server::{PASSWORD, bearer},
    },
};

#[rstest]
#[tokio::test]
async fn a_token_of_another_user_a_forged_one_and_one_that_was_not_trusted_spare_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let (user, neighbour) = (server.user(true).await, server.user(true).await);
    let plain = server.session_by_mail(&user).await.device_token;
    assert!(is_asked(&server, &user, &plain).await, "nobody asked for trust");
    let others = trusted(&server, &neighbour).await.device_token;
    let own = trusted(&server, &user).await.device_token;
    let mut forged = own.clone();
    let last = forged.len() - 2;
    forged.replace_range(last..=last, if forged[last..].starts_with('A') { "B" } else { "A" });
    for token in ["", "x", &others, &forged, &plain] {
        assert!(is_asked(&server, &user, token).await, "{token}");
    }
    assert!(!is_asked(&server, &user, &own).await);
}

/// A caller who asks and can't have it is told by the answer, and logs in all the same.
#[rstest]
#[tokio::test]
async fn where_it_is_off_nothing_is_trusted_and_what_was_ends(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let off = Server::start(backend).await;
    let user = off.user(true).await;
    let answer = with_trust(&off, &user, "").await;
    assert_eq!(answer.trust_expire_time, None);
    assert_eq!(
        (told(&off, &user, "device_trusted").await, recorded(&off, "device_trusted").await),
        (0, 0)
    );
    let on = off.replica(|config, _| config.policy.trusted_device_ttl = 30 * DAY).await;
    let tokens = trusted(&on, &user).await;
    assert!(!is_asked(&on, &user, &tokens.device_token).await);
    assert!(is_asked(&off, &user, &tokens.device_token).await);
    assert!(list(&off, &tokens).await.is_empty());
}

/// Whoever shows a recovery code has lost the factor, or found the paper.
#[rstest]
#[tokio::test]
async fn a_recovery_code_makes_no_device_trusted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let (app, codes) = enroll(&server, &server.session(&user).await).await;
    let challenge = server.challenge(&user).await;
    let by_code = verify_with_trust(&server, &challenge, recovery(codes[0].clone())).await.unwrap();
    assert_eq!(by_code.trust_expire_time, None);
    assert!(is_asked(&server, &user, &by_code.tokens.unwrap().device_token).await);
    server.clock.advance(Duration::from_secs(30));
    let challenge = server.challenge(&user).await;
    let by_app = verify_with_trust(&server, &challenge, totp(app.code_at(&server.clock))).await;
    let by_app = by_app.unwrap();
    assert!(by_app.trust_expire_time.is_some());
    assert!(!is_asked(&server, &user, &by_app.tokens.unwrap().device_token).await);
}

/// A wrong code makes nothing trusted, nor does a proof that is no login.
#[rstest]
#[tokio::test]
async fn neither_a_wrong_code_nor_a_step_up_makes_a_device_trusted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    let challenge = server.challenge(&user).await;
    let wrong = crate::harness::server::wrong(&logs::code(&user.username));
    let refused = verify_with_trust(&server, &challenge, Proof::OtpCode(wrong)).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    let request = bearer(
        &tokens,
        ReauthenticateRequest { password: PASSWORD.into(), ..ReauthenticateRequest::default() },
    );
    let asked = server.auth.clone().reauthenticate(request).await.unwrap().into_inner();
    let Some(Again::Challenge(challenge)) = asked.result else { panic!("{asked:?}") };
    server.delivered().await;
    let code = Proof::OtpCode(logs::code(&user.username));
    let again = verify_with_trust(&server, &challenge, code).await.unwrap();
    assert_eq!(again.trust_expire_time, None);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM trusted_devices").await, 0);
}

#[rstest]
#[tokio::test]
async fn it_ends_with_its_time_and_with_a_shorter_setting(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    server.clock.stop();
    let user = server.user(true).await;
    let device = trusted(&server, &user).await.device_token;
    server.clock.advance(10 * DAY);
    assert!(!is_asked(&server, &user, &device).await);
    let shorter = server.replica(|config, _| config.policy.trusted_device_ttl = 10 * DAY).await;
    assert!(is_asked(&shorter, &user, &device).await);
    server.clock.advance(20 * DAY - Duration::from_secs(1));
    assert!(!is_asked(&server, &user, &device).await);
    server.clock.advance(Duration::from_secs(1));
    assert!(is_asked(&server, &user, &device).await);
    // A login does not prolong it.
    assert_eq!(list(&server, &server.session_by_mail(&user).await).await.len(), 0);
}

/// A clock that was ahead would have given a longer time than anybody wanted.
#[rstest]
#[tokio::test]
async fn what_a_clock_that_was_ahead_has_trusted_does_not_count(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    server.clock.stop();
    let user = server.user(true).await;
    server.clock.set_wrong_by(3600);
    let device = trusted(&server, &user).await.device_token;
    server.clock.set_wrong_by(0);
    assert!(is_asked(&server, &user, &device).await);
    // Replicas may differ by two minutes.
    server.clock.set_wrong_by(60);
    let device = trusted(&server, &user).await.device_token;
    server.clock.set_wrong_by(0);
    assert!(!is_asked(&server, &user, &device).await);
}

/// Nobody is trusted without the owner's being told.
#[rstest]
#[tokio::test]
async fn where_the_mailbox_has_had_enough_notices_no_device_is_trusted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.trusted_device_ttl = 30 * DAY;
        config.policy.service_failures = 0;
    })
    .await;
    server.clock.stop();
    let user = server.user(false).await;
    let (app, _) = enroll(&server, &server.session(&user).await).await;
    server.clock.advance(Duration::from_secs(30));
    let by_app = async || {
        let challenge = server.challenge(&user).await;
        let code = totp(app.code_at(&server.clock));
        let answer = verify_with_trust(&server, &challenge, code).await.unwrap();
        server.clock.advance(Duration::from_secs(30));
        answer
    };
    assert!(by_app().await.trust_expire_time.is_some());
    server.database.run("UPDATE throttles SET failures = 60, next_allowed_at = expires_at").await;
    assert_eq!(by_app().await.trust_expire_time, None);
    server.clock.advance(Duration::from_secs(3600));
    assert!(by_app().await.trust_expire_time.is_some());
}

/// A device from before the second factor is none that has shown it.
#[rstest]
#[tokio::test]
async fn a_device_that_was_known_by_the_password_alone_becomes_another_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let before = server.session(&user).await;
    let (app, _) = enroll(&server, &before).await;
    server.clock.advance(Duration::from_secs(30));
    let challenge = super::asked_on(&server, &user, PASSWORD, &before.device_token).await.unwrap();
    let code = totp(app.code_at(&server.clock));
    let after = verify_with_trust(&server, &challenge, code).await.unwrap().tokens.unwrap();
    assert!(is_asked(&server, &user, &before.device_token).await);
    assert!(!is_asked(&server, &user, &after.device_token).await);
    server.clock.advance(Duration::from_secs(30));
    let own = session_by_app(&server, &user, &app).await;
    assert_eq!(list(&server, &own).await.len(), 1);
    // The proof of a challenge that has been answered makes nothing.
    let code = totp(app.code_at(&server.clock));
    assert_eq!(reason_of(answer(&server, &challenge, code).await), "CHALLENGE_INVALID");
    tokens_on(&server, &user, PASSWORD, &after.device_token).await;
}
