//! A registration counts once, for the session that began it, as long as its password is the one that was given.

use std::time::Duration;

use countersign::{passkey::Algorithm, pb::BeginPasskeyLoginRequest};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;
use tonic::Code;

use super::{
    add, ask, begin, delete, finish, finish_again, list, log_in_with, recorded, registered,
};
use crate::{
    factors::set_two_factor,
    harness::{
        Backend, Server, logs,
        passkey::{Passkey, parsed},
        reason,
        server::PASSWORD,
    },
};

#[rstest]
#[tokio::test]
async fn a_passkey_of_each_algorithm_is_added_and_its_owner_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let mut passkey = Passkey::of(algorithm);
    let options = begin(&server, &tokens, PASSWORD).await.unwrap();
    let asked = parsed(&options);
    assert_eq!(asked["rp"], json!({ "id": "example.org", "name": "Countersign" }));
    assert_eq!(asked["user"]["name"], user.username.as_str());
    assert_eq!(asked["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(asked["excludeCredentials"], json!([]));
    assert!(!options.contains(&user.id), "the handle is not the id");

    let added = finish(&server, &tokens, &passkey.create(&options)).await.unwrap();
    server.delivered().await;
    assert_eq!(
        (added.name.as_str(), added.backup_eligible, added.backed_up),
        ("my phone", true, false)
    );
    assert_eq!(added.transports, ["hybrid", "internal"]);
    assert!(added.last_used_time.is_none());
    assert_eq!(list(&server, &tokens).await, [added]);
    assert_eq!(logs::notices(&user.username), ["passkey_added"]);
    assert_eq!(recorded(&server, "passkey_added").await, 1);
    assert!(server.me(&tokens).await.is_ok(), "the session goes on");
    log_in_with(&server, &mut passkey).await.unwrap();

    // The next one: the same handle, and no second passkey on the same authenticator.
    let again = parsed(&begin(&server, &tokens, PASSWORD).await.unwrap());
    assert_eq!(again["user"]["id"], asked["user"]["id"]);
    assert_eq!(again["excludeCredentials"][0]["id"], passkey.id());
}

#[rstest]
#[tokio::test]
async fn it_takes_the_password_and_the_second_factor_where_it_is_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let refused = begin(&server, &tokens, "not the password").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "INVALID_CREDENTIALS")
    );

    let options = begin(&server, &tokens, PASSWORD).await.unwrap();
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    // All sessions have ended with that. One that has not used the factor can't finish either.
    let refused = finish(&server, &tokens, &Passkey::new().create(&options)).await.unwrap_err();
    assert_eq!(reason(&refused), "TOKEN_INVALID");
    let tokens = server.session_by_mail(&user).await;
    server.clock.advance(Duration::from_secs(600));
    let tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    let refused = begin(&server, &tokens, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "REAUTHENTICATION_REQUIRED");
}

#[rstest]
#[tokio::test]
async fn an_answer_counts_once_and_a_retry_of_it_gets_the_same_passkey(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let options = begin(&server, &tokens, PASSWORD).await.unwrap();
    let (first, second) = (Passkey::new().create(&options), Passkey::new().create(&options));
    let request_id = uuid::Uuid::now_v7().to_string();
    let added = finish_again(&server, &tokens, &first, &request_id).await.unwrap();
    for repeated in [&first, &second] {
        let refused = finish(&server, &tokens, repeated).await.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    }
    assert_eq!(finish_again(&server, &tokens, &first, &request_id).await.unwrap(), added);
    assert_eq!(list(&server, &tokens).await, [added]);
}

/// 64 callers at once, each with a passkey of its own: the challenge is used up with the first.
#[rstest]
#[tokio::test]
async fn of_many_answers_at_once_one_counts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let options = begin(&server, &tokens, PASSWORD).await.unwrap();
    let answers: Vec<_> = (0..64).map(|_| Passkey::new().create(&options)).collect();
    let finished = join_all(answers.iter().map(|answer| finish(&server, &tokens, answer))).await;
    assert_eq!(finished.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(list(&server, &tokens).await.len(), 1);
}

/// What comes between the beginning of a registration and its end.
#[derive(Debug, Clone, Copy)]
enum Between {
    Nothing,
    /// More time than there is.
    Expiry,
    /// Another password.
    Password,
    /// The end of the session.
    Logout,
}

#[rstest]
#[tokio::test]
async fn a_registration_is_over_with_its_time_its_password_and_its_session(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Between::Nothing, Between::Expiry, Between::Password, Between::Logout)]
    between: Between,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let options = begin(&server, &tokens, PASSWORD).await.unwrap();
    let expected = match between {
        Between::Nothing => {
            server.clock.advance(Duration::from_secs(300));
            None
        }
        Between::Expiry => {
            server.clock.advance(Duration::from_secs(301));
            Some("CHALLENGE_INVALID")
        }
        Between::Password => {
            server.change_password(&tokens, PASSWORD, "another password").await.unwrap();
            Some("CHALLENGE_INVALID")
        }
        Between::Logout => {
            server.logout(&tokens.refresh_token).await.unwrap();
            Some("TOKEN_INVALID")
        }
    };
    let finished = finish(&server, &tokens, &Passkey::new().create(&options)).await;
    assert_eq!(finished.err().map(|refused| reason(&refused)).as_deref(), expected);
}

#[rstest]
#[tokio::test]
async fn a_challenge_is_for_its_session_and_its_ceremony(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (tokens, others) = (server.session(&user).await, server.session(&user).await);
    let stranger = server.user(false).await;
    let stranger = server.session(&stranger).await;
    let options = begin(&server, &tokens, PASSWORD).await.unwrap();
    let answer = Passkey::new().create(&options);
    for session in [&others, &stranger] {
        let refused = finish(&server, session, &answer).await.unwrap_err();
        assert_eq!(reason(&refused), "CHALLENGE_INVALID");
    }
    // The challenge of a login, within what is otherwise right.
    let mut of_login = parsed(&options);
    of_login["challenge"] = parsed(&ask(&server).await)["challenge"].clone();
    let refused = finish(&server, &tokens, &Passkey::new().create(&of_login.to_string())).await;
    assert_eq!(reason(&refused.unwrap_err()), "CHALLENGE_INVALID");
    finish(&server, &tokens, &answer).await.unwrap();
}

/// It could not log in. The answer used nothing up.
#[rstest]
#[tokio::test]
async fn an_authenticator_that_has_not_verified_its_user_registers_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let options = begin(&server, &tokens, PASSWORD).await.unwrap();
    let mut passkey = Passkey::new();
    let refused = finish(&server, &tokens, &passkey.create_unverified(&options)).await;
    assert_eq!(reason(&refused.unwrap_err()), "CHALLENGE_INVALID");
    assert!(list(&server, &tokens).await.is_empty());
    finish(&server, &tokens, &passkey.create(&options)).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_credential_is_one_users(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = Server::start(backend).await;
    let (_, tokens, mut passkey) = registered(&server).await;
    let stranger = server.user(false).await;
    let stranger = server.session(&stranger).await;
    for session in [&tokens, &stranger] {
        let options = begin(&server, session, PASSWORD).await.unwrap();
        let taken = finish(&server, session, &passkey.create(&options)).await.unwrap_err();
        assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "PASSKEY_TAKEN"));
    }
    assert!(list(&server, &stranger).await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_user_has_twenty_at_the_most(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let early = begin(&server, &tokens, PASSWORD).await.unwrap();
    for _ in 0..20 {
        // A mailbox is told of so many changes in an hour.
        server.clock.advance(Duration::from_secs(3600));
        let tokens = server.session(&user).await;
        add(&server, &tokens, &mut Passkey::new()).await;
    }
    let tokens = server.session(&user).await;
    server.clock.advance(Duration::from_secs(3600));
    let tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    let refused = begin(&server, &tokens, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "TOO_MANY_PASSKEYS");
    drop(early);
    let oldest = list(&server, &tokens).await.pop().unwrap();
    delete(&server, &tokens, &oldest.id, PASSWORD).await.unwrap();
    server.clock.advance(Duration::from_secs(3600));
    let tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    begin(&server, &tokens, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn without_a_relying_party_there_are_none() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.passkeys = countersign::config::Passkeys::default();
    })
    .await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let refused = begin(&server, &tokens, PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "PASSKEYS_OFF")
    );
    let mut auth = server.auth.clone();
    let refused = auth.begin_passkey_login(BeginPasskeyLoginRequest {}).await.unwrap_err();
    assert_eq!(reason(&refused), "PASSKEYS_OFF");
}
