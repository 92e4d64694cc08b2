//! Who can have the code sent that verifies an address: whoever registered it, and whoever is logged in.

use std::time::Duration;

use countersign::pb::{RegisterRequest, ResendEmailVerificationRequest};
use rstest::rstest;
use tonic::Code;

use super::{
    COOL_DOWN, register, request_reset, resend_verification, send_verification, start, verify_email,
};
use crate::harness::{
    Backend, Server, logs, reason, reason_of, server::registration, violations, wait,
};

#[rstest]
#[tokio::test]
async fn with_its_id_the_registrant_has_codes_sent_for_as_long_as_the_address_is_not_verified(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    server.clock.stop();
    let user = registration(false);
    let first = register(&server, user.clone()).await.unwrap().verification_id;
    let second = resend_verification(&server, &first).await.unwrap();
    assert_eq!(wait(resend_verification(&server, &first).await), COOL_DOWN);
    let codes = logs::codes(&user.username);
    assert_eq!(codes.len(), 2);
    // Each code is of use with its own id.
    if codes[0] != codes[1] {
        assert_eq!(reason_of(verify_email(&server, &first, &codes[1]).await), "CHALLENGE_INVALID");
    }
    // Days later neither has a code, and both are still ids of the registration.
    server.clock.advance(Duration::from_secs(3 * 24 * 3600));
    assert_eq!(reason_of(verify_email(&server, &second, &codes[1]).await), "CHALLENGE_INVALID");
    let third = resend_verification(&server, &second).await.unwrap();
    server.clock.advance(COOL_DOWN);
    let fourth = resend_verification(&server, &first).await.unwrap();
    // An earlier code goes on working with its own id.
    let codes = logs::codes(&user.username);
    verify_email(&server, &third, &codes[2]).await.unwrap();
    server.clock.advance(COOL_DOWN);
    for id in [first, second, third, fourth] {
        let refused = resend_verification(&server, &id).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "verified");
    }
    assert_eq!(logs::codes(&user.username).len(), 4);
}

#[rstest]
#[tokio::test]
async fn a_request_that_is_sent_again_gets_an_id_that_is_good_for_codes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = RegisterRequest { request_id, ..registration(false) };
    let first = register(&server, request.clone()).await.unwrap();
    assert_eq!(register(&server, request.clone()).await.unwrap(), first);
    resend_verification(&server, &first.verification_id).await.unwrap();
    assert_eq!(logs::codes(&request.username).len(), 2);
}

/// A stranger who knows the address, or any other id, has no code sent: its owner could verify the stranger's account with it.
#[rstest]
#[tokio::test]
async fn whoever_has_not_registered_has_no_code_sent(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let user = registration(false);
    let id = register(&server, user.clone()).await.unwrap().verification_id;
    let other = register(&server, registration(false)).await.unwrap().verification_id;
    server.clock.advance(COOL_DOWN);
    let reset = request_reset(&server, &user.email).await.unwrap();
    #[expect(deprecated, reason = "callers of an earlier release send it")]
    let by_address = ResendEmailVerificationRequest {
        email: user.email.clone(),
        ..ResendEmailVerificationRequest::default()
    };
    let refused = server.auth.clone().resend_email_verification(by_address).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused), violations(&refused)),
        (Code::InvalidArgument, "INVALID_FIELD".into(), vec!["verification_id".into()])
    );
    // The user of one (16 bytes, in base64), the rest of another.
    let mixed = format!("{}{}", &id[..22], &other[22..]);
    for forged in [&*mixed, &reset, "x", &id[1..], &"A".repeat(id.len()), &"A".repeat(60_000)] {
        let refused = resend_verification(&server, forged).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "{forged}");
    }
    server.delivered().await;
    let sent = logs::messages(&user.username);
    let purposes: Vec<_> = sent.iter().map(|sent| sent["purpose"].as_str().unwrap()).collect();
    assert_eq!(purposes, ["verify_email", "reset_password"]);
}

#[rstest]
#[tokio::test]
async fn who_is_logged_in_has_a_code_sent_unless_the_address_is_verified(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let id = send_verification(&server, &tokens).await.unwrap();
    assert_eq!(logs::messages(&user.username)[0]["purpose"], "verify_email");
    server.clock.advance(COOL_DOWN);
    // It is as good as one of the registration.
    let next = resend_verification(&server, &id).await.unwrap();
    verify_email(&server, &next, &logs::code(&user.username)).await.unwrap();
    server.clock.advance(COOL_DOWN);
    let refused = send_verification(&server, &tokens).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "EMAIL_VERIFIED".into())
    );
    assert_eq!(logs::codes(&user.username).len(), 2);
}

#[rstest]
#[case::disabled("UPDATE users SET disabled_at = created_at")]
#[case::deleted("DELETE FROM users")]
#[tokio::test]
async fn an_id_ends_with_its_user(
    #[case] change: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let user = registration(false);
    let id = register(&server, user.clone()).await.unwrap().verification_id;
    server.database.run(change).await;
    assert_eq!(reason_of(resend_verification(&server, &id).await), "CHALLENGE_INVALID");
    assert_eq!(logs::codes(&user.username).len(), 1);
}
