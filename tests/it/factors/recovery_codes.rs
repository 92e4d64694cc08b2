//! Recovery codes: ten, each of which works once.

use countersign::pb::Factor;
use rstest::rstest;
use tonic::Code;

use super::{
    Enrolled, answer, enrolled, factors, notices, recovery, regenerate, session_by_app,
    set_two_factor, totp,
};
use crate::harness::{Backend, Server, jwt, logs, reason, reason_of, server::PASSWORD};

async fn recover(
    server: &Server,
    who: &Enrolled,
    code: &str,
) -> Result<countersign::pb::Tokens, tonic::Status> {
    let challenge = server.challenge(&who.user).await;
    answer(server, &challenge, recovery(code)).await
}

#[rstest]
#[tokio::test]
async fn each_code_works_once_however_it_is_typed_and_the_user_is_told_also_of_the_last(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    for (number, code) in who.codes.iter().enumerate() {
        let typed = match number % 3 {
            0 => code.clone(),
            1 => code.to_lowercase().replace('-', " "),
            _ => code.replace('-', "").replace('0', "o").replace('1', "I"),
        };
        let tokens = recover(&server, &who, &typed).await.unwrap();
        let amr = &jwt::claims(&tokens.access_token)["amr"];
        assert_eq!(*amr, serde_json::json!(["pwd", "mfa"]), "no phone was at hand");
        assert_eq!(reason_of(recover(&server, &who, code).await), "CHALLENGE_INVALID");
        // Or the failures of this test would add up to too many.
        server.clock.advance(std::time::Duration::from_secs(3600));
    }
    let mut expected = vec!["app_added"];
    expected.extend(["recovery_code_used"; 9]);
    expected.push("last_recovery_code_used");
    assert_eq!(notices(&server, &who.user).await, expected);
    let challenge = server.challenge(&who.user).await;
    assert_eq!(factors(&challenge), [Factor::Totp]);
    assert!(answer(&server, &challenge, totp(who.app.code_at(&server.clock))).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn what_is_nobodys_code_is_refused_and_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let (code, challenge) = (&who.codes[0], server.challenge(&who.user).await);
    for typed in ["0", "o", "O", "0 ", "0-"].map(|letter| letter.repeat(24)) {
        let refused = answer(&server, &challenge, recovery(&*typed)).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID", "{typed}");
    }
    let refused = answer(&server, &challenge, recovery(code)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "CHALLENGE_EXHAUSTED".into())
    );
    assert!(recover(&server, &who, code).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn new_codes_take_the_place_of_the_old_ones(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let who = enrolled(&server).await;
    let tokens = session_by_app(&server, &who.user, &who.app).await;
    let codes = regenerate(&server, &tokens, PASSWORD).await.unwrap();
    assert_eq!(codes.len(), 10);
    assert_eq!(reason_of(recover(&server, &who, &who.codes[0]).await), "CHALLENGE_INVALID");
    for code in &codes {
        recover(&server, &who, code).await.unwrap();
    }
    assert_eq!(notices(&server, &who.user).await[..2], ["app_added", "recovery_codes_replaced"]);
}

/// Their mailbox may be gone, too.
#[rstest]
#[tokio::test]
async fn users_with_codes_by_mail_can_have_recovery_codes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    let before = server.challenge(&user).await;
    let codes = regenerate(&server, &tokens, PASSWORD).await.unwrap();
    let challenge = server.challenge(&user).await;
    assert_eq!(factors(&challenge), [Factor::EmailCode, Factor::RecoveryCode]);
    assert!(!challenge.masked_destination.is_empty() && challenge.resend_time.is_some());
    // What a challenge has is settled when it begins.
    let refused = answer(&server, &before, recovery(&codes[0])).await;
    assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    assert!(answer(&server, &challenge, recovery(&codes[0])).await.is_ok());
    let challenge = server.challenge(&user).await;
    assert!(server.verify(&challenge, &logs::code(&user.username)).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn without_a_second_factor_there_is_nothing_to_recover(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let refused = regenerate(&server, &tokens, PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "TWO_FACTOR_OFF".into())
    );
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let tokens = server.session_by_mail(&user).await;
    assert_eq!(regenerate(&server, &tokens, PASSWORD).await.unwrap().len(), 10);
}
