//! A reset never stands in for the second factor.

use countersign::pb::{Factor, ResetPasswordRequest, Tokens, User};
use rstest::rstest;
use tonic::{Code, Status};

use super::{COOL_DOWN, NEW_PASSWORD, open_reset, reset};
use crate::{
    factors::{enroll, regenerate},
    harness::{
        Backend, Server, logs, reason, reason_of,
        server::{PASSWORD, wrong},
        violations,
    },
};

/// A user whose only second factor is the mailbox, and a session of theirs.
async fn with_mailbox(server: &Server) -> (User, Tokens) {
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    (user, tokens)
}

async fn reset_with(
    server: &Server,
    (reset_id, code): &(String, String),
    recovery_code: &str,
) -> Result<(), Status> {
    let request = ResetPasswordRequest {
        reset_id: reset_id.clone(),
        code: code.clone(),
        new_password: NEW_PASSWORD.to_owned(),
        recovery_code: recovery_code.to_owned(),
        ..ResetPasswordRequest::default()
    };
    server.auth.clone().reset_password(request).await.map(|_| ())
}

/// Which factors a login with that password is asked for.
async fn asked_for(server: &Server, user: &User, password: &str) -> Vec<Factor> {
    use countersign::pb::login_response::Result as Outcome;
    match server.login(&user.username, password).await.unwrap().result {
        Some(Outcome::Challenge(challenge)) => challenge.factors().collect(),
        other => panic!("no challenge: {other:?}"),
    }
}

/// The code for the login would come to the very mailbox that the reset came to: one factor, twice.
#[rstest]
#[tokio::test]
async fn who_has_no_second_factor_but_the_mailbox_is_not_reset_by_the_mailbox_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = with_mailbox(&server).await;
    let (id, code) = open_reset(&server, &user).await;
    // Only whoever had the right code hears of it.
    let guessed = reset(&server, &id, &wrong(&code), NEW_PASSWORD).await;
    assert_eq!(reason_of(guessed), "CHALLENGE_INVALID");
    let refused = reset(&server, &id, &code, NEW_PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "FACTOR_UNAVAILABLE".into())
    );
    assert_eq!(asked_for(&server, &user, PASSWORD).await, [Factor::EmailCode]);
    assert!(server.me(&tokens).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn a_recovery_code_takes_the_place_of_the_other_factor_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens) = with_mailbox(&server).await;
    let others = with_mailbox(&server).await.1;
    let others = regenerate(&server, &others, PASSWORD).await.unwrap();
    let codes = regenerate(&server, &tokens, PASSWORD).await.unwrap();
    let open = open_reset(&server, &user).await;
    // What can't be a recovery code costs no attempt of the mailed one beside it.
    for _ in 0..3 {
        for bad in ["no recovery code", "123456", &wrong(&open.1)] {
            let refused = reset_with(&server, &open, bad).await.unwrap_err();
            assert_eq!(violations(&refused), ["recovery_code"], "{bad}");
        }
    }
    for bad in [&others[0], &wrong(&codes[1])] {
        assert_eq!(reason_of(reset_with(&server, &open, bad).await), "CHALLENGE_INVALID", "{bad}");
    }
    assert!(server.me(&tokens).await.is_ok());
    reset_with(&server, &open, &codes[0].to_lowercase()).await.unwrap();
    // Each has logged in by a code that was sent there.
    let verified = "SELECT COUNT(*) FROM users WHERE email_verified";
    assert_eq!(server.database.number(verified).await, 2);
    assert_eq!(reason_of(server.me(&tokens).await), "TOKEN_INVALID");
    let factors = asked_for(&server, &user, NEW_PASSWORD).await;
    assert_eq!(factors, [Factor::EmailCode, Factor::RecoveryCode]);
    let told = ["recovery_codes_replaced", "recovery_code_used", "password_changed"];
    assert_eq!(logs::notices(&user.username), told);

    server.clock.advance(COOL_DOWN);
    let open = open_reset(&server, &user).await;
    assert_eq!(reason_of(reset_with(&server, &open, &codes[0]).await), "CHALLENGE_INVALID");
    reset_with(&server, &open, &codes[1]).await.unwrap();
    assert_eq!(server.database.number("SELECT COUNT(*) FROM recovery_codes").await, 18);
}

/// Mailbox and app are two factors: the login asks for the app.
#[rstest]
#[tokio::test]
async fn with_an_app_a_reset_takes_nothing_more_and_the_login_the_app_as_ever(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let (_, codes) = enroll(&server, &tokens).await;
    let open = open_reset(&server, &user).await;
    // What is not needed is not used up.
    reset_with(&server, &open, &codes[0]).await.unwrap();
    assert_eq!(server.database.number("SELECT COUNT(*) FROM recovery_codes").await, 10);
    let factors = asked_for(&server, &user, NEW_PASSWORD).await;
    assert_eq!(factors, [Factor::Totp, Factor::RecoveryCode]);
    // Who has the app, nobody has shown: the address counts as verified no more than before.
    let verified = "SELECT COUNT(*) FROM users WHERE email_verified";
    assert_eq!(server.database.number(verified).await, 0);
}
