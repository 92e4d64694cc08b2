//! A login by a passkey alone: two factors, one challenge, one answer for all that is refused.

use countersign::pb::SetTwoFactorRequest;
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;
use tonic::Code;

use super::{add, ask, begin, delete, list, log_in, log_in_with, recorded, registered};
use crate::{
    factors::set_two_factor,
    harness::{
        Backend, Server, jwt, logs,
        passkey::{Passkey, parsed},
        reason,
        server::{PASSWORD, bearer},
    },
};

#[rstest]
#[tokio::test]
async fn it_counts_as_two_factors_and_is_phishing_resistant(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    set_two_factor(&server, &tokens, true, PASSWORD).await.unwrap();
    let asked = parsed(&ask(&server).await);
    assert_eq!(
        (&asked["rpId"], &asked["userVerification"]),
        (&json!("example.org"), &json!("required"))
    );
    assert!(asked.get("allowCredentials").is_none(), "whosever it is");

    let tokens = log_in_with(&server, &mut passkey).await.unwrap();
    let claims = jwt::claims(&tokens.access_token);
    assert_eq!(claims["sub"], user.id.as_str());
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["pop", "mfa"]), &json!("phr")));
    assert!(!tokens.device_token.is_empty());
    let listed = list(&server, &tokens).await.remove(0);
    assert!(listed.last_used_time.is_some() && listed.backed_up);
    // The session has used the second factor: it may change the account.
    let off = SetTwoFactorRequest {
        enabled: false,
        password: PASSWORD.to_owned(),
        ..SetTwoFactorRequest::default()
    };
    server.account.clone().set_two_factor(bearer(&tokens, off)).await.unwrap();
    let refreshed = server.refresh(&tokens.refresh_token, "").await.unwrap();
    assert_eq!(jwt::claims(&refreshed.access_token)["acr"], "phr");
}

#[rstest]
#[tokio::test]
async fn a_challenge_works_once_on_every_replica(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (_, _, mut passkey) = registered(&server).await;
    let other = server.replica(|_, _| {}).await;
    let options = ask(&server).await;
    let (first, second) = (passkey.get(&options), passkey.get(&options));
    log_in(&other, &first).await.unwrap();
    for repeated in [&first, &second] {
        for replica in [&server, &other] {
            let refused = log_in(replica, repeated).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);
            assert_eq!(reason(&refused), "CHALLENGE_INVALID");
        }
    }
    // An answer that is sent again is no copy of the passkey.
    assert_eq!(recorded(&server, "passkey_copied").await, 0);
    log_in_with(&server, &mut passkey).await.unwrap();
}

/// 64 callers at once, each with an assertion that is right: one session begins.
#[rstest]
#[tokio::test]
async fn of_many_answers_to_one_challenge_one_counts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (_, tokens, mut passkey) = registered(&server).await;
    let options = ask(&server).await;
    let answers: Vec<_> = (0..64).map(|_| passkey.get(&options)).collect();
    let logged_in = join_all(answers.iter().map(|answer| log_in(&server, answer))).await;
    assert_eq!(logged_in.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(server.sessions(&tokens).await.unwrap().len(), 2);
}

#[rstest]
#[tokio::test]
async fn whatever_is_refused_gets_the_same_answer(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut passkey) = registered(&server).await;
    let (_, _, mut others) = registered(&server).await;
    let mut refusals = Vec::new();
    // One that nobody has.
    let options = begin(&server, &tokens, PASSWORD).await.unwrap();
    let mut unknown = Passkey::new();
    unknown.create(&options);
    refusals.push(log_in_with(&server, &mut unknown).await.unwrap_err());
    // An authenticator that did not verify its user.
    let unverified = passkey.get_unverified(&ask(&server).await);
    refusals.push(log_in(&server, &unverified).await.unwrap_err());
    // The id of another user's passkey, with a signature by one's own key.
    let mut forged = parsed(&passkey.get(&ask(&server).await));
    forged["id"] = others.id().into();
    forged["rawId"] = others.id().into();
    refusals.push(log_in(&server, &forged.to_string()).await.unwrap_err());
    // The signature of another answer.
    let mut mixed = parsed(&passkey.get(&ask(&server).await));
    let signature = &parsed(&passkey.get(&ask(&server).await))["response"]["signature"];
    mixed["response"]["signature"] = signature.clone();
    refusals.push(log_in(&server, &mixed.to_string()).await.unwrap_err());
    // What does not say whose it is.
    let mut anonymous = parsed(&passkey.get(&ask(&server).await));
    anonymous["response"].as_object_mut().unwrap().remove("userHandle").unwrap();
    refusals.push(log_in(&server, &anonymous.to_string()).await.unwrap_err());
    // A disabled account.
    let disable =
        format!("UPDATE users SET disabled_at = created_at WHERE username = '{}'", user.username);
    server.database.run(&disable).await;
    refusals.push(log_in_with(&server, &mut passkey).await.unwrap_err());
    for refused in &refusals {
        assert_eq!(
            (refused.code(), reason(refused).as_str()),
            (Code::Unauthenticated, "INVALID_CREDENTIALS")
        );
        assert_eq!(refused.message(), refusals[0].message());
    }
    assert_eq!(recorded(&server, "login_failed").await, 6);
    log_in_with(&server, &mut others).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_deleted_passkey_logs_in_no_more(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, tokens, mut first) = registered(&server).await;
    let mut second = Passkey::new();
    let added = add(&server, &tokens, &mut second).await;
    let options = ask(&server).await;
    delete(&server, &tokens, &added.id, PASSWORD).await.unwrap();
    server.delivered().await;
    let refused = log_in(&server, &second.get(&options)).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
    log_in_with(&server, &mut first).await.unwrap();
    assert_eq!(
        logs::notices(&user.username),
        ["passkey_added", "passkey_added", "passkey_deleted"]
    );
}

/// A copy of a passkey: its counter does not go up. The owner is told, once a day.
#[rstest]
#[tokio::test]
async fn a_copy_is_refused_and_its_owner_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(0, 1)] behind: u32,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (user, _, mut passkey) = registered(&server).await;
    passkey.sign_count = 9;
    log_in_with(&server, &mut passkey).await.unwrap();
    for _ in 0..2 {
        passkey.sign_count = 9 - behind;
        let refused = log_in_with(&server, &mut passkey).await.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
    }
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["passkey_added", "passkey_copied"]);
    assert_eq!(recorded(&server, "passkey_copied").await, 2);
    passkey.sign_count = 10;
    log_in_with(&server, &mut passkey).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn an_authenticator_without_a_counter_logs_in_again_and_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let mut passkey = Passkey::new();
    passkey.sign_count = 0;
    add(&server, &tokens, &mut passkey).await;
    for _ in 0..3 {
        log_in_with(&server, &mut passkey).await.unwrap();
    }
}

/// Another password ends sessions and codes; the passkey is another key to the same door.
#[rstest]
#[tokio::test]
async fn a_passkey_outlives_the_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (_, tokens, mut passkey) = registered(&server).await;
    let options = ask(&server).await;
    server.change_password(&tokens, PASSWORD, "another password").await.unwrap();
    log_in(&server, &passkey.get(&options)).await.unwrap();
}
