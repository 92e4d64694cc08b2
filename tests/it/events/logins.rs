//! Logins, however they end.

use std::net::IpAddr;

use countersign::{
    domain::{EventKind, TrustedProxies},
    pb::LoginRequest,
};
use rstest::rstest;
use tonic::Request;

use super::{Recorder, WRONG, events};
use crate::harness::{
    Backend, Server, logs, reason,
    server::{PASSWORD, wrong},
    unique,
};

#[rstest]
#[tokio::test]
async fn each_login_leaves_one_event_however_it_ends(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use EventKind::{
        ChallengeBegun, CodeFailed, EmailVerified, LoginFailed, LoginSucceeded, Registered,
    };
    let mut recorder = Recorder::start(backend).await;
    let alice = recorder.server.user(false).await;
    recorder.expect(&[(Registered, Some(&alice), None)]).await;
    let bob = recorder.server.user(true).await;
    recorder.expect(&[(Registered, Some(&bob), None)]).await;

    recorder.server.login(&unique("nobody"), PASSWORD).await.unwrap_err();
    recorder.expect(&[(LoginFailed, None, None)]).await;
    recorder.server.login(&alice.username, WRONG).await.unwrap_err();
    recorder.expect(&[(LoginFailed, Some(&alice), None)]).await;
    let disable = |time: &str| {
        format!("UPDATE users SET disabled_at = {time} WHERE username = '{}'", alice.username)
    };
    recorder.server.database.run(&disable("created_at")).await;
    recorder.server.login(&alice.email, PASSWORD).await.unwrap_err();
    recorder.expect(&[(LoginFailed, Some(&alice), None)]).await;
    recorder.server.database.run(&disable("NULL")).await;
    let tokens = recorder.server.session(&alice).await;
    recorder.expect(&[(LoginSucceeded, Some(&alice), Some(&tokens))]).await;

    let challenge = recorder.server.challenge(&bob).await;
    recorder.expect(&[(ChallengeBegun, Some(&bob), None)]).await;
    let code = logs::code(&bob.username);
    for failing in [wrong(&code), format!(" {}", wrong(&code))] {
        recorder.server.verify(&challenge, &failing).await.unwrap_err();
        recorder.expect(&[(CodeFailed, Some(&bob), None)]).await;
    }
    recorder.server.verify(&challenge, &code[1..]).await.unwrap_err();
    recorder.expect(&[]).await;
    let tokens = recorder.server.verify(&challenge, &code).await.unwrap();
    let (of, by) = (Some(&bob), Some(&tokens));
    recorder.expect(&[(LoginSucceeded, of, by), (EmailVerified, of, by)]).await;
    let again = recorder.server.session_by_mail(&bob).await;
    recorder.expect(&[(ChallengeBegun, of, None), (LoginSucceeded, of, Some(&again))]).await;
    // A right code of an account that was disabled meanwhile is not looked at.
    let challenge = recorder.server.challenge(&bob).await;
    recorder.server.database.run("UPDATE users SET disabled_at = created_at").await;
    recorder.server.verify(&challenge, &logs::code(&bob.username)).await.unwrap_err();
    recorder.expect(&[(ChallengeBegun, Some(&bob), None)]).await;
}

/// Then it is an error for everybody, and nobody learns which users there are.
#[rstest]
#[tokio::test]
async fn a_login_that_cannot_be_recorded_is_an_error_of_the_store(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.database.run("ALTER TABLE events RENAME TO elsewhere").await;
    let nobody = unique("nobody");
    for (name, password) in
        [(&nobody, PASSWORD), (&user.username, WRONG), (&user.username, PASSWORD)]
    {
        let refused = server.login(name, password).await.unwrap_err();
        // A table that is gone: Postgres has a code for that (ADR 28).
        let expected = match backend {
            Backend::Sqlite => "INTERNAL",
            Backend::Postgres => "STORE_UNAVAILABLE",
        };
        assert_eq!(reason(&refused), expected);
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 0);
}

#[rstest]
#[case::by_default("", [127, 0, 0, 1])]
#[case::from_a_trusted_proxy("127.0.0.0/8", [192, 0, 2, 7])]
#[tokio::test]
async fn a_forwarded_address_is_recorded_only_where_its_proxy_is_trusted(
    #[case] trusted: &str,
    #[case] address: [u8; 4],
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.listen.trusted_proxies = TrustedProxies::parse(trusted).unwrap_or_default();
    })
    .await;
    let mut request =
        Request::new(LoginRequest { username: unique("nobody"), ..LoginRequest::default() });
    request.get_mut().password = PASSWORD.to_owned();
    request.metadata_mut().insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    server.auth.clone().login(request).await.unwrap_err();
    let events = events(&server.database).await;
    let addresses: Vec<_> = events.iter().map(|event| event.address).collect();
    assert_eq!(addresses, [Some(IpAddr::from(address))]);
}
