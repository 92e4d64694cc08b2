//! A passkey beside the password, as the answer to a login's challenge.

use countersign::pb::{Challenge, Factor, Tokens, Verify2FaRequest, verify2_fa_request::Proof};
use rstest::rstest;
use serde_json::json;
use tonic::Status;

use super::{add, ask, delete, list, recorded, registered};
use crate::{
    factors::set_two_factor,
    harness::{
        Backend, Server, jwt, logs,
        passkey::{Passkey, parsed},
        reason, reason_of,
        server::PASSWORD,
        soon,
    },
};

pub(super) async fn answer(
    server: &Server,
    challenge: &Challenge,
    json: String,
) -> Result<Tokens, Status> {
    let request = Verify2FaRequest {
        challenge_id: challenge.challenge_id.clone(),
        proof: Some(Proof::PasskeyCredentialJson(json)),
        trust_device: false,
    };
    let verified = soon("Verify2FA", server.auth.clone().verify2_fa(request)).await?;
    Ok(verified.into_inner().tokens.unwrap())
}

fn factors(challenge: &Challenge) -> Vec<Factor> {
    challenge.factors().collect()
}

#[rstest]
#[tokio::test]
async fn a_challenge_asks_for_the_users_passkeys_and_takes_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let challenge = server.challenge(&user).await;
    assert_eq!(factors(&challenge), [Factor::Passkey, Factor::EmailCode]);
    let options = challenge.passkey_request_options_json.clone();
    let asked = parsed(&options);
    assert_eq!(asked["allowCredentials"][0]["id"], passkey.id());
    assert_eq!(asked["userVerification"], "preferred");

    // The password is another factor: here a touch is enough.
    let unverified = passkey.get_unverified(&options);
    let tokens = answer(&server, &challenge, unverified.clone()).await.unwrap();
    let claims = jwt::claims(&tokens.access_token);
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["pwd", "pop", "mfa"]), &json!("phr")));
    assert!(list(&server, &tokens).await[0].last_used_time.is_some());
    for again in [unverified, passkey.get(&options)] {
        let refused = answer(&server, &challenge, again).await.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    }
}

/// Who has the password locks no passkey out by wrong ones, as codes would be (ADR 53).
#[rstest]
#[tokio::test]
async fn wrong_assertions_are_no_guesses_at_the_account(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let of_a_login = ask(&server).await;
    for _ in 0..6 {
        let challenge = server.challenge(&user).await;
        for _ in 0..4 {
            let refused = answer(&server, &challenge, passkey.get(&of_a_login)).await.unwrap_err();
            assert_eq!(reason(&refused), "CHALLENGE_INVALID");
        }
    }
    let challenge = server.challenge(&user).await;
    let right = passkey.get(&challenge.passkey_request_options_json);
    answer(&server, &challenge, right).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn only_the_users_own_passkey_answers_and_only_its_own_challenge(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    let (_, _, mut others) = registered(&server).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let (challenge, another) = (server.challenge(&user).await, server.challenge(&user).await);
    let wrong = [
        others.get(&challenge.passkey_request_options_json),
        passkey.get(&another.passkey_request_options_json),
        passkey.get(&ask(&server).await),
    ];
    for answered in wrong {
        let refused = answer(&server, &challenge, answered).await.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    }
    assert_eq!(recorded(&server, "code_failed").await, 3);
    // What can be no answer costs no attempt.
    let malformed = answer(&server, &challenge, "{}".to_owned()).await.unwrap_err();
    assert_eq!(reason(&malformed), "INVALID_FIELD");
    let right = passkey.get(&challenge.passkey_request_options_json);
    answer(&server, &challenge, right).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn the_attempts_of_a_challenge_are_those_of_passkeys_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let challenge = server.challenge(&user).await;
    for _ in 0..challenge.attempts_remaining {
        let wrong = passkey.get(&ask(&server).await);
        answer(&server, &challenge, wrong).await.unwrap_err();
    }
    let right = passkey.get(&challenge.passkey_request_options_json);
    let refused = answer(&server, &challenge, right).await.unwrap_err();
    assert_eq!(reason(&refused), "CHALLENGE_EXHAUSTED");
}

#[rstest]
#[tokio::test]
async fn a_code_goes_on_working_beside_it_and_a_deleted_passkey_does_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, _) = registered(&server).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let tokens = server.session_by_mail(&user).await;
    let mut second = Passkey::new();
    let added = add(&server, &tokens, &mut second).await;
    let waiting = server.challenge(&user).await;
    delete(&server, &tokens, &added.id, PASSWORD).await.unwrap();
    let ended = second.get(&waiting.passkey_request_options_json);
    assert_eq!(reason(&answer(&server, &waiting, ended).await.unwrap_err()), "CHALLENGE_INVALID");
    let challenge = server.challenge(&user).await;
    let gone = second.get(&challenge.passkey_request_options_json);
    assert_eq!(reason(&answer(&server, &challenge, gone).await.unwrap_err()), "CHALLENGE_INVALID");
    server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
}

/// As any change of the factors does, whatever answers them.
#[rstest]
#[tokio::test]
async fn another_passkey_and_one_less_end_the_logins_that_wait(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut first) = registered(&server).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let tokens = server.session_by_mail(&user).await;
    let waiting = server.challenge(&user).await;
    let code = logs::code(&user.username);
    let second = add(&server, &tokens, &mut Passkey::new()).await;
    let by_first = first.get(&waiting.passkey_request_options_json);
    assert_eq!(reason_of(answer(&server, &waiting, by_first).await), "CHALLENGE_INVALID");
    assert_eq!(reason_of(server.verify(&waiting, &code).await), "CHALLENGE_INVALID");

    let waiting = server.challenge(&user).await;
    delete(&server, &tokens, &second.id, PASSWORD).await.unwrap();
    let by_first = first.get(&waiting.passkey_request_options_json);
    assert_eq!(reason_of(answer(&server, &waiting, by_first).await), "CHALLENGE_INVALID");
    let challenge = server.challenge(&user).await;
    let by_first = first.get(&challenge.passkey_request_options_json);
    answer(&server, &challenge, by_first).await.unwrap();
}

/// A copy is told of here, too.
#[rstest]
#[tokio::test]
async fn a_copy_answers_nothing(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let challenge = server.challenge(&user).await;
    passkey.sign_count = 1;
    let copied = passkey.get(&challenge.passkey_request_options_json);
    assert_eq!(
        reason(&answer(&server, &challenge, copied).await.unwrap_err()),
        "CHALLENGE_INVALID"
    );
    server.delivered().await;
    assert_eq!(recorded(&server, "passkey_copied").await, 1);
    assert!(logs::notices(&user.username).contains(&"passkey_copied".to_owned()));
}
