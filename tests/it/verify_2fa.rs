//! Verify2FA.

use std::time::Duration;

use countersign::pb::{
    Challenge, LoginRequest, Verify2FaRequest, login_response::Result as Outcome,
};
use jsonwebtoken::Algorithm;
use rstest::rstest;
use tonic::Code;

use crate::harness::{
    Backend, Server, details, jwt, logs, reason,
    server::{PASSWORD, wrong},
    violations,
};

#[rstest]
#[tokio::test]
async fn the_code_that_was_sent_completes_the_login_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let code = logs::code(&user.username);

    let refused = server.verify(&challenge, &wrong(&code)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unauthenticated, "CHALLENGE_INVALID".into())
    );

    let tokens = server.verify(&challenge, &code).await.unwrap();
    let (_, claims) = jwt::verify(&server, &tokens.access_token, Algorithm::ES256).await;
    assert_eq!((&claims["sub"], &claims["sid"]), (&user.id.into(), &tokens.session_id.into()));
    assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));

    let again = server.verify(&challenge, &code).await.unwrap_err();
    assert_eq!(reason(&again), "CHALLENGE_INVALID");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

#[rstest]
#[tokio::test]
async fn what_the_login_asked_for_holds_after_the_second_factor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    // As after changes of the password: a version that is not the first.
    server.database.run("UPDATE users SET credential_version = 7").await;
    let login = LoginRequest {
        username: user.username.clone(),
        password: PASSWORD.into(),
        audience: "other".into(),
        device_name: "phone".into(),
        ..LoginRequest::default()
    };
    let response = server.auth.clone().login(login).await.unwrap().into_inner();
    server.delivered().await;
    let Some(Outcome::Challenge(challenge)) = response.result else { panic!("no challenge") };
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    let claims = jwt::claims(&tokens.access_token);
    assert_eq!((&claims["aud"], &claims["client_id"]), (&"other".into(), &"other".into()));
    let sessions = "SELECT COUNT(*) FROM sessions WHERE audience = 'other' AND device_name = 'phone' \
                    AND amr = 'pwd otp mfa' AND credential_version = 7";
    assert_eq!(server.database.number(sessions).await, 1);
}

#[rstest]
#[tokio::test]
async fn a_code_answers_its_own_challenge_only(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let first = server.challenge(&user).await;
    let first_code = logs::code(&user.username);
    let mut second = server.challenge(&user).await;
    // Codes are drawn at random: two alike prove nothing.
    while logs::code(&user.username) == first_code {
        second = server.challenge(&user).await;
    }
    let refused = server.verify(&second, &first_code).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    assert!(server.verify(&first, &first_code).await.is_ok());
}

/// Whoever can write to the database gains nothing by putting a code that they know in another challenge's place.
#[rstest]
#[tokio::test]
async fn the_digest_of_a_code_means_nothing_in_another_challenge(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (attacker, victim) = (server.user(true).await, server.user(true).await);
    server.challenge(&attacker).await;
    let code = logs::code(&attacker.username);
    let challenge = server.challenge(&victim).await;
    let plant = format!(
        "UPDATE challenges SET code_mac = (SELECT code_mac FROM challenges JOIN users ON users.id = user_id \
         WHERE username = '{}')",
        attacker.username
    );
    server.database.run(&plant).await;
    let refused = server.verify(&challenge, &code).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn after_five_wrong_codes_the_right_one_comes_too_late(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let code = logs::code(&user.username);
    for _ in 0..5 {
        let refused = server.verify(&challenge, &wrong(&code)).await.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    }
    let refused = server.verify(&challenge, &code).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "CHALLENGE_EXHAUSTED");
}

#[rstest]
#[tokio::test]
async fn a_code_expires_after_five_minutes_exactly(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let in_time = server.challenge(&user).await;
    let code = logs::code(&user.username);
    server.clock.advance(Duration::from_secs(290));
    assert!(server.verify(&in_time, &code).await.is_ok());

    let late = server.challenge(&user).await;
    let code = logs::code(&user.username);
    server.clock.advance(Duration::from_secs(300));
    let refused = server.verify(&late, &code).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
}

#[rstest]
#[case::disabled("disabled_at = created_at")]
#[case::new_password("credential_version = credential_version + 1")]
#[tokio::test]
async fn a_challenge_ends_when_its_user_is(
    #[case] change: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    server.database.run(&format!("UPDATE users SET {change}")).await;
    let refused = server.verify(&challenge, &logs::code(&user.username)).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn no_proof_is_a_bad_field_and_an_unknown_challenge_is_invalid() {
    let server = Server::start(Backend::Sqlite).await;
    let refused = server.auth.clone().verify2_fa(Verify2FaRequest::default()).await.unwrap_err();
    assert_eq!(
        (reason(&refused), violations(&refused)),
        ("INVALID_FIELD".into(), vec!["proof".into()])
    );
    for challenge_id in ["", "unknown", &"x".repeat(10_000)] {
        let challenge = Challenge { challenge_id: challenge_id.into(), ..Challenge::default() };
        let refused = server.verify(&challenge, "123456").await.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    }
}

/// Whoever reads the database can't answer for anybody.
#[rstest]
#[tokio::test]
async fn neither_the_code_nor_the_challenge_id_is_stored(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let as_hex = match backend {
        Backend::Sqlite => ("hex(token_mac)", "hex(code_mac)"),
        Backend::Postgres => ("encode(token_mac, 'hex')", "encode(code_mac, 'hex')"),
    };
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for secret in [challenge.challenge_id, logs::code(&user.username)] {
        let secret = hex(&secret);
        let found = format!(
            "SELECT COUNT(*) FROM challenges WHERE lower({}) LIKE '%{secret}%' OR lower({}) LIKE '%{secret}%'",
            as_hex.0, as_hex.1
        );
        assert_eq!(server.database.number(&found).await, 0);
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM challenges").await, 1);
}

/// Nothing lives in a replica's memory that another one needs.
#[rstest]
#[tokio::test]
async fn a_challenge_made_on_one_replica_is_answered_on_another(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let one = Server::start(backend).await;
    let other = one.replica(|_config, _environment| {}).await;
    let user = one.user(true).await;
    let challenge = one.challenge(&user).await;
    let tokens = other.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    assert_eq!(reason(&one.verify(&challenge, "000000").await.unwrap_err()), "CHALLENGE_INVALID");
    let next = one.refresh(&tokens.refresh_token, "").await.unwrap();
    assert!(other.me(&next).await.is_ok());
}

/// No code, no text, no detail and no header may differ.
#[rstest]
#[tokio::test]
async fn unknown_wrong_used_expired_and_disabled_are_answered_byte_for_byte_the_same(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (user, disabled) = (server.user(true).await, server.user(true).await);
    let expired = server.challenge(&user).await;
    let expired_code = logs::code(&user.username);
    server.clock.advance(Duration::from_secs(300));
    let used = server.challenge(&user).await;
    let used_code = logs::code(&user.username);
    server.verify(&used, &used_code).await.unwrap();
    let wrongly = server.challenge(&user).await;
    let wrong_code = wrong(&logs::code(&user.username));
    let disableds = server.challenge(&disabled).await;
    let disableds_code = logs::code(&disabled.username);
    let name = &disabled.username;
    let disable = format!("UPDATE users SET disabled_at = created_at WHERE username = '{name}'");
    server.database.run(&disable).await;
    let unknown = Challenge { challenge_id: "unknown".into(), ..Challenge::default() };
    let answers = [
        server.verify(&unknown, &wrong_code).await,
        server.verify(&wrongly, &wrong_code).await,
        server.verify(&used, &used_code).await,
        server.verify(&expired, &expired_code).await,
        server.verify(&disableds, &disableds_code).await,
    ];
    let answers = answers.map(|answer| {
        let refused = answer.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID");
        let mut headers = refused.metadata().clone().into_headers();
        headers.remove("date");
        headers.remove("x-request-id");
        (refused.code(), refused.message().to_owned(), details(&refused), headers)
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}
