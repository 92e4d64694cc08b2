//! Reauthenticate: the same session, proved once more (step-up authentication, ADR 52).

use std::time::Duration;

use countersign::pb::{
    Challenge, ReauthenticateRequest, SetTwoFactorRequest, Tokens,
    reauthenticate_response::Result as Outcome,
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;
use tonic::{Code, Status};

use crate::{
    factors,
    harness::{
        Backend, Server, jwt, logs, reason,
        server::{PASSWORD, bearer, wrong},
        soon,
    },
};

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn again(server: &Server, tokens: &Tokens, password: &str) -> Result<Outcome, Status> {
    let request = bearer(
        tokens,
        ReauthenticateRequest { password: password.to_owned(), ..ReauthenticateRequest::default() },
    );
    let answer = soon("Reauthenticate", server.auth.clone().reauthenticate(request)).await?;
    server.delivered().await;
    Ok(answer.into_inner().result.unwrap())
}

/// The tokens of a user without a second factor.
async fn proved(server: &Server, tokens: &Tokens) -> Tokens {
    match again(server, tokens, PASSWORD).await.unwrap() {
        Outcome::Tokens(tokens) => tokens,
        other @ Outcome::Challenge(_) => panic!("{other:?}"),
    }
}

/// The challenge of a user with a second factor.
async fn asked(server: &Server, tokens: &Tokens) -> Challenge {
    match again(server, tokens, PASSWORD).await.unwrap() {
        Outcome::Challenge(challenge) => challenge,
        other @ Outcome::Tokens(_) => panic!("{other:?}"),
    }
}

fn auth_time(tokens: &Tokens) -> i64 {
    jwt::claims(&tokens.access_token)["auth_time"].as_i64().unwrap()
}

async fn recorded(server: &Server, kind: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM events WHERE kind = '{kind}'")).await
}

#[rstest]
#[tokio::test]
async fn the_password_gives_the_same_session_a_fresh_time(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let first = server.session(&user).await;
    server.clock.advance(HOUR);
    let first = server.refresh(&first.refresh_token, "").await.unwrap();
    let second = proved(&server, &first).await;
    assert_eq!(second.session_id, first.session_id);
    assert_eq!(second.refresh_token, first.refresh_token, "it stays what it is");
    assert!(second.device_token.is_empty());
    assert_eq!(auth_time(&second), auth_time(&first) + 3600);
    let claims = jwt::claims(&second.access_token);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("1fa"), &json!(["pwd"])));
    // The older token goes on, with its own time, and so does the session.
    assert!(server.me(&first).await.is_ok() && server.me(&second).await.is_ok());
    let third = server.refresh(&second.refresh_token, "").await.unwrap();
    assert_eq!(auth_time(&third), auth_time(&second));
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
    assert_eq!(recorded(&server, "reauthenticated").await, 1);
    assert_eq!(recorded(&server, "login_succeeded").await, 1);
}

#[rstest]
#[tokio::test]
async fn the_second_factor_is_asked_for_however_fresh_the_login_is(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(true).await;
    let first = server.session_by_mail(&user).await;
    server.clock.advance(Duration::from_secs(120));
    let challenge = asked(&server, &first).await;
    let code = logs::code(&user.username);
    let refused = server.verify(&challenge, &wrong(&code)).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    let second = server.verify(&challenge, &code).await.unwrap();
    assert_eq!(
        (&second.session_id, &second.refresh_token),
        (&first.session_id, &first.refresh_token)
    );
    assert!(second.device_token.is_empty());
    assert_eq!(auth_time(&second), auth_time(&first) + 120);
    let claims = jwt::claims(&second.access_token);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("2fa"), &json!(["pwd", "otp", "mfa"])));
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

/// 64 callers at once: the challenge is used up with the first.
#[rstest]
#[tokio::test]
async fn one_answer_proves_once(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let first = server.session_by_mail(&user).await;
    server.clock.advance(HOUR);
    let first = server.refresh(&first.refresh_token, "").await.unwrap();
    let challenge = asked(&server, &first).await;
    let code = logs::code(&user.username);
    let answers = join_all((0..64).map(|_| server.verify(&challenge, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(recorded(&server, "reauthenticated").await, 1);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_refresh_raises_nothing(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let first = server.session(&server.user(false).await).await;
    server.clock.advance(HOUR);
    let second = server.refresh(&first.refresh_token, "").await.unwrap();
    assert_eq!(auth_time(&second), auth_time(&first));
    assert_eq!(jwt::claims(&second.access_token)["acr"], "1fa");
}

#[rstest]
#[tokio::test]
async fn a_wrong_password_proves_nothing_and_counts_against_the_session_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let mut reasons = Vec::new();
    for _ in 0..7 {
        let refused = again(&server, &tokens, "a wrong password").await.unwrap_err();
        reasons.push((refused.code(), reason(&refused)));
    }
    assert_eq!(reasons[0], (Code::PermissionDenied, "INVALID_CREDENTIALS".to_owned()));
    assert_eq!(reasons[6], (Code::ResourceExhausted, "THROTTLED".to_owned()));
    assert_eq!(
        auth_time(&server.refresh(&tokens.refresh_token, "").await.unwrap()),
        auth_time(&tokens)
    );
    assert_eq!(recorded(&server, "reauthenticated").await, 0);
    assert!(recorded(&server, "confirmation_failed").await >= 5);
    // A thief of the token keeps nobody out.
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn without_a_live_session_there_is_nothing_to_prove(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    let (mut auth, request) = (
        server.auth.clone(),
        ReauthenticateRequest { password: PASSWORD.into(), ..ReauthenticateRequest::default() },
    );
    assert_eq!(auth.reauthenticate(request).await.unwrap_err().code(), Code::Unauthenticated);
    server.logout(&tokens.refresh_token).await.unwrap();
    let refused = again(&server, &tokens, PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unauthenticated, "TOKEN_INVALID".to_owned())
    );
}

#[rstest]
#[tokio::test]
async fn a_session_that_ended_meanwhile_is_not_proved_and_none_begins(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    let challenge = asked(&server, &tokens).await;
    server.logout(&tokens.refresh_token).await.unwrap();
    let refused = server.verify(&challenge, &logs::code(&user.username)).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

#[rstest]
#[tokio::test]
async fn the_code_of_a_login_proves_no_session_and_that_of_a_session_begins_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    let of_login = server.challenge(&user).await;
    let login_code = logs::code(&user.username);
    server.clock.advance(Duration::from_secs(60));
    let of_session = asked(&server, &tokens).await;
    let session_code = logs::code(&user.username);
    assert!(server.verify(&of_session, &login_code).await.is_err());
    assert!(server.verify(&of_login, &session_code).await.is_err());
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

/// An old factor makes no fresh proof surer.
#[rstest]
#[tokio::test]
async fn what_is_proved_is_what_the_token_says(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    assert_eq!(jwt::claims(&tokens.access_token)["acr"], "2fa");
    let off =
        SetTwoFactorRequest { enabled: false, password: PASSWORD.into(), second_factor: None };
    server.account.clone().set_two_factor(bearer(&tokens, off)).await.unwrap();
    let again = proved(&server, &tokens).await;
    let claims = jwt::claims(&again.access_token);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("1fa"), &json!(["pwd"])));
    let refreshed = server.refresh(&again.refresh_token, "").await.unwrap();
    assert_eq!(jwt::claims(&refreshed.access_token)["acr"], "1fa");
}

/// Changes of the account take it for the proof that a login of the last minutes is.
#[rstest]
#[tokio::test]
async fn a_change_of_the_account_takes_it_for_a_fresh_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    server.clock.advance(HOUR);
    let tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    let off =
        || SetTwoFactorRequest { enabled: false, password: PASSWORD.into(), second_factor: None };
    let stale = server.account.clone().set_two_factor(bearer(&tokens, off())).await.unwrap_err();
    assert_eq!(reason(&stale), "REAUTHENTICATION_REQUIRED");
    let challenge = asked(&server, &tokens).await;
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    server.account.clone().set_two_factor(bearer(&tokens, off())).await.unwrap();
}

/// ADR 48: the grace of a spent token counts from its use, not from a proof.
#[rstest]
#[tokio::test]
async fn a_proof_opens_no_door_to_a_spent_token(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.refresh_grace = Duration::from_secs(10);
    })
    .await;
    server.clock.stop();
    let first = server.session(&server.user(false).await).await;
    let second = server.refresh(&first.refresh_token, "").await.unwrap();
    server.clock.advance(Duration::from_secs(60));
    proved(&server, &second).await;
    let refused = server.refresh(&first.refresh_token, "").await.unwrap_err();
    assert_eq!(reason(&refused), "REFRESH_REUSED");
}

#[rstest]
#[tokio::test]
async fn a_recovery_code_proves_two_factors_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let tokens = server.session_by_mail(&user).await;
    let codes = factors::regenerate(&server, &tokens, PASSWORD).await.unwrap();
    let challenge = asked(&server, &tokens).await;
    let proved = factors::answer(&server, &challenge, factors::recovery(&codes[0])).await.unwrap();
    let claims = jwt::claims(&proved.access_token);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("2fa"), &json!(["pwd", "mfa"])));
    assert_eq!(proved.session_id, tokens.session_id);
}
