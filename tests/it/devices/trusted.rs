//! Trusted devices: what they are spared, and what not.

use std::time::Duration;

use countersign::pb::{
    IntrospectTokenRequest, ReauthenticateRequest, reauthenticate_response::Result as Again,
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;

use super::{
    DAY, asked_on, is_asked, list, login_on, recorded, revoke, tokens_on, told, trusted, trusting,
    with_trust,
};
use crate::{
    admin::grant,
    harness::{
        Backend, Server, jwt, logs, reason_of,
        server::{PASSWORD, bearer},
        violations,
    },
};

#[rstest]
#[tokio::test]
async fn a_trusted_device_logs_in_by_the_password_alone_and_its_tokens_say_so(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let user = server.user(true).await;
    let answer = with_trust(&server, &user, "").await;
    let first = answer.tokens.unwrap();
    assert_eq!(jwt::claims(&first.access_token)["acr"], "2fa", "this login used the factor");
    let until = answer.trust_expire_time.unwrap().seconds - server.clock.now().unix_seconds();
    assert!((30 * 86_400 - 60..=30 * 86_400).contains(&until), "{until}");
    let mut token = first.device_token;
    for _ in 0..3 {
        let tokens = tokens_on(&server, &user, PASSWORD, &token).await;
        let claims = jwt::claims(&tokens.access_token);
        assert_eq!((&claims["acr"], &claims["amr"]), (&json!("1fa"), &json!(["pwd"])));
        assert!(server.me(&tokens).await.is_ok());
        let next = server.refresh(&tokens.refresh_token, "").await.unwrap();
        assert_eq!(jwt::claims(&next.access_token)["acr"], "1fa", "a refresh raises nothing");
        let request = IntrospectTokenRequest { token: next.access_token.clone() };
        let known = server.tokens.clone().introspect_token(request).await.unwrap().into_inner();
        assert!(known.active && server.sessions(&next).await.unwrap().len() > 1);
        // The next token of the device is as good as the one before.
        token = tokens.device_token;
    }
    assert!(is_asked(&server, &user, "").await, "any other device is asked");
    let wrong = login_on(&server, &user, "not the password", &token).await;
    assert_eq!(reason_of(wrong), "INVALID_CREDENTIALS", "it spares the factor, never the password");
    assert_eq!(
        (told(&server, &user, "device_trusted").await, recorded(&server, "device_trusted").await),
        (1, 1)
    );
}

/// It is a login on a known device, and tells nothing.
#[rstest]
#[tokio::test]
async fn a_login_on_a_trusted_device_is_no_new_device(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.new_device_notice = true;
        config.policy.trusted_device_ttl = 30 * DAY;
    })
    .await;
    let user = server.user(true).await;
    let mut token = trusted(&server, &user).await.device_token;
    for _ in 0..3 {
        token = tokens_on(&server, &user, PASSWORD, &token).await.device_token;
    }
    assert_eq!(told(&server, &user, "new_device_login").await, 0);
}

/// The session of a trusted device has not used the factor: it changes nothing of the account before it has.
#[rstest]
#[tokio::test]
async fn it_changes_the_account_only_after_the_factor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let user = server.user(true).await;
    let device = trusted(&server, &user).await.device_token;
    let tokens = tokens_on(&server, &user, PASSWORD, &device).await;
    let change = async || server.change_password(&tokens, PASSWORD, "another horse battery").await;
    assert_eq!(reason_of(change().await), "REAUTHENTICATION_REQUIRED");
    let off = crate::factors::set_two_factor(&server, &tokens, false, PASSWORD).await;
    assert_eq!(reason_of(off), "REAUTHENTICATION_REQUIRED");
    let enrolment = crate::factors::begin(&server, &tokens, PASSWORD).await;
    assert_eq!(reason_of(enrolment), "REAUTHENTICATION_REQUIRED");
    assert_eq!(reason_of(server.delete_me(&tokens, PASSWORD).await), "REAUTHENTICATION_REQUIRED");
    let request = bearer(
        &tokens,
        ReauthenticateRequest { password: PASSWORD.into(), ..ReauthenticateRequest::default() },
    );
    let asked = server.auth.clone().reauthenticate(request).await.unwrap().into_inner();
    let Some(Again::Challenge(challenge)) = asked.result else { panic!("{asked:?}") };
    server.delivered().await;
    let proved = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    let claims = jwt::claims(&proved.access_token);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("2fa"), &json!(["pwd", "otp", "mfa"])));
    change().await.unwrap();
}

/// What a role permits takes the factor that the account has.
#[rstest]
#[tokio::test]
async fn it_opens_no_rpc_of_administrators(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let user = server.user(true).await;
    grant(&server.database, &user.username, "admin").await;
    let first = trusted(&server, &user).await;
    let tokens = tokens_on(&server, &user, PASSWORD, &first.device_token).await;
    let mut admin =
        countersign::pb::admin_service_client::AdminServiceClient::new(server.channel.clone());
    let mut ask = async |tokens| {
        let request = countersign::pb::ListUsersRequest::default();
        admin.list_users(bearer(tokens, request)).await.map(drop)
    };
    assert_eq!(reason_of(ask(&tokens).await), "REAUTHENTICATION_REQUIRED");
    ask(&first).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn trusted_devices_are_listed_and_one_is_ended(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    server.clock.stop();
    let (user, neighbour) = (server.user(true).await, server.user(true).await);
    let one = trusted(&server, &user).await;
    server.clock.advance(Duration::from_secs(60));
    let other = trusted(&server, &user).await;
    let stranger = server.session_by_mail(&neighbour).await;
    assert!(list(&server, &stranger).await.is_empty());
    let listed = list(&server, &one).await;
    let told: Vec<_> = listed
        .iter()
        .map(|device| {
            (&*device.device_name, &*device.address, device.expire_time, device.create_time)
        })
        .map(|(name, address, until, since)| {
            (name, address, until.unwrap().seconds - since.unwrap().seconds)
        })
        .collect();
    assert_eq!(told, [("a <b>phone</b>", "127.0.0.1", 30 * 86_400); 2]);
    assert!(listed[0].create_time.unwrap().seconds > listed[1].create_time.unwrap().seconds);
    revoke(&server, &stranger, &listed[0].id).await.unwrap();
    assert_eq!(list(&server, &one).await.len(), 2, "another user's is left alone");
    for _ in 0..2 {
        revoke(&server, &one, &listed[0].id).await.unwrap();
    }
    assert_eq!(recorded(&server, "trusted_device_revoked").await, 1);
    assert_eq!(list(&server, &one).await[0].id, listed[1].id);
    assert!(is_asked(&server, &user, &other.device_token).await);
    assert!(!is_asked(&server, &user, &one.device_token).await);
    assert!(server.me(&other).await.is_ok(), "its session goes on");
    assert_eq!(violations(&revoke(&server, &one, "x").await.unwrap_err()), ["id"]);
    // Whose session has ended ends nothing.
    server.logout(&other.refresh_token).await.unwrap();
    assert_eq!(reason_of(revoke(&server, &other, &listed[1].id).await), "TOKEN_INVALID");
}

/// Trusted again, it is the same device once, with another time.
#[rstest]
#[tokio::test]
async fn a_device_is_trusted_anew(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = trusting(backend).await;
    server.clock.stop();
    let user = server.user(true).await;
    let first = trusted(&server, &user).await;
    server.clock.advance(30 * DAY);
    let again = with_trust(&server, &user, &first.device_token).await;
    assert!(again.trust_expire_time.is_some());
    let tokens = again.tokens.unwrap();
    assert_eq!(list(&server, &tokens).await.len(), 1);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM trusted_devices").await, 1);
    assert!(!is_asked(&server, &user, &tokens.device_token).await);
}

#[rstest]
#[tokio::test]
async fn what_one_replica_trusts_or_ends_counts_on_the_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let other = server.replica(|config, _| config.policy.trusted_device_ttl = 30 * DAY).await;
    let user = server.user(true).await;
    let tokens = trusted(&server, &user).await;
    assert!(!is_asked(&other, &user, &tokens.device_token).await);
    let id = list(&other, &tokens).await.remove(0).id;
    revoke(&other, &tokens, &id).await.unwrap();
    assert!(is_asked(&server, &user, &tokens.device_token).await);
}

/// Beside an ending each login is one or the other, and none after it is spared.
#[rstest]
#[tokio::test]
async fn a_login_beside_an_ending_comes_before_or_after_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    for _ in 0..5 {
        let user = server.user(true).await;
        let tokens = trusted(&server, &user).await;
        let id = list(&server, &tokens).await.remove(0).id;
        let logins = (0..8).map(|_| asked_on(&server, &user, PASSWORD, &tokens.device_token));
        let (ended, logins) = tokio::join!(revoke(&server, &tokens, &id), join_all(logins));
        ended.unwrap();
        assert_eq!(logins.len(), 8, "none failed");
        assert!(is_asked(&server, &user, &tokens.device_token).await);
    }
}

/// The password may be a lucky guess then: the factor is needed, or the mailbox.
#[rstest]
#[tokio::test]
async fn after_a_hundred_failures_in_a_row_nothing_is_spared(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = trusting(backend).await;
    let user = server.user(true).await;
    let device = trusted(&server, &user).await.device_token;
    server.database.run("DELETE FROM throttles").await;
    assert!(login_on(&server, &user, "not the password", &device).await.is_err());
    server.database.run("UPDATE throttles SET failures = 99").await;
    assert!(!is_asked(&server, &user, &device).await, "the hundredth is right");
    assert!(login_on(&server, &user, "not the password", &device).await.is_err());
    server.database.run("UPDATE throttles SET failures = 100").await;
    assert!(is_asked(&server, &user, &device).await);
}
