//! SetTwoFactor.

use countersign::pb::{Factor, Tokens, User, login_response::Result as Outcome};
use rstest::rstest;
use tonic::Code;

use super::{
    STEP, answer, enroll, enrolled, factors, notices, recovery, session_by_app, set_two_factor,
    totp,
};
use crate::harness::{Backend, Server, logs, reason, reason_of, server::PASSWORD};

/// The tokens that a login gets at once.
async fn at_once(server: &Server, username: &str) -> Tokens {
    match server.login(username, PASSWORD).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => tokens,
        other => panic!("no tokens: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn turned_on_a_login_asks_for_a_mailed_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let set = set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    assert!(set.two_factor_enabled);
    let challenge = server.challenge(&user).await;
    assert_eq!(factors(&challenge), [Factor::EmailCode]);
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    // The code has shown that the address is the user's.
    assert_eq!(server.me(&tokens).await.unwrap(), User { email_verified: true, ..set });
    assert_eq!(notices(&server, &user).await, ["two_factor_on"]);
}

#[rstest]
#[tokio::test]
async fn turned_off_a_login_gets_tokens_at_once_and_app_and_codes_are_forgotten(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    let open = server.challenge(&who.user).await;
    let set = set_two_factor(&server, &tokens, false, PASSWORD).await.unwrap();
    assert!(!set.two_factor_enabled);
    let code = who.app.code_at(&server.clock);
    for proof in [totp(code.as_str()), recovery(&who.codes[0])] {
        assert_eq!(reason_of(answer(&server, &open, proof).await), "CHALLENGE_INVALID");
    }
    let tokens = at_once(&server, &who.user.username).await;
    for table in ["totp_factors", "recovery_codes"] {
        let left = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(server.database.number(&left).await, 0, "{table}");
    }
    // And do not come back.
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let challenge = server.challenge(&who.user).await;
    assert_eq!(factors(&challenge), [Factor::EmailCode]);
    for proof in [totp(code), recovery(&who.codes[0])] {
        assert_eq!(reason_of(answer(&server, &challenge, proof).await), "CHALLENGE_INVALID");
    }
    assert!(server.verify(&challenge, &logs::code(&who.user.username)).await.is_ok());
    let told = notices(&server, &who.user).await;
    assert_eq!(told, ["app_added", "two_factor_off", "two_factor_on"]);
}

#[rstest]
#[tokio::test]
async fn set_to_what_it_is_it_changes_nothing_and_nobody_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    assert!(!set_two_factor(&server, &tokens, false, PASSWORD).await.unwrap().two_factor_enabled);
    assert_eq!(notices(&server, &user).await, Vec::<String>::new());
    assert!(server.me(&tokens).await.is_ok(), "nor does a session end");
    let (app, codes) = enroll(&server, &tokens).await;
    server.clock.advance(STEP);
    let tokens = session_by_app(&server, &user, &app).await;
    let open = server.challenge(&user).await;
    assert!(set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap().two_factor_enabled);
    assert_eq!(notices(&server, &user).await, ["app_added"]);
    assert!(server.me(&tokens).await.is_ok());
    assert!(answer(&server, &open, totp(app.code_at(&server.clock))).await.is_ok());
    let challenge = server.challenge(&user).await;
    assert!(answer(&server, &challenge, recovery(&codes[0])).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn where_addresses_are_verified_no_codes_go_to_one_that_is_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server =
        Server::start_with(backend, |config, _| config.policy.email_verification = true).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let refused = set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "EMAIL_UNVERIFIED".into())
    );
    assert!(!server.me(&tokens).await.unwrap().two_factor_enabled);
    server.database.run("UPDATE users SET email_verified = TRUE").await;
    assert!(set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap().two_factor_enabled);
}
