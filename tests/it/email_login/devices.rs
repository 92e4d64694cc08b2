//! Which device a login makes a known one.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use countersign::pb::{BeginEmailLoginRequest, Tokens, login_response};
use rstest::rstest;

use super::{
    begin_with, challenge, finish, flow::fail, open, request, server, session_by_code, tokens,
    verified, verify,
};
use crate::{
    factors::{answer, enrolled, totp},
    harness::{Backend, Server, logs, reason_of, server::PASSWORD, soon},
    mailbox::COOL_DOWN,
};

/// The number of the device, in its token.
fn device(tokens: &Tokens) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(&tokens.device_token).unwrap()[..16].to_vec()
}

async fn login_from(
    server: &Server,
    name: &str,
    device_token: &str,
) -> Result<Tokens, tonic::Status> {
    let request = countersign::pb::LoginRequest {
        username: name.to_owned(),
        password: PASSWORD.to_owned(),
        device_token: device_token.to_owned(),
        ..Default::default()
    };
    match soon("Login", server.auth.clone().login(request)).await?.into_inner().result {
        Some(login_response::Result::Tokens(tokens)) => Ok(tokens),
        other => panic!("no tokens: {other:?}"),
    }
}

/// Otherwise whoever reads the mailbox would have another device, with its own guesses at the password, by each login.
#[rstest]
#[tokio::test]
async fn all_logins_by_the_mailbox_alone_make_one_device_known_which_a_password_makes_another(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let first = session_by_code(&server, &user).await;
    server.clock.advance(COOL_DOWN);
    let second = session_by_code(&server, &user).await;
    assert_eq!(device(&first), device(&second));
    // It is one: strangers do not keep its owner out.
    fail(&server, &user.username).await;
    let by_password = login_from(&server, &user.username, &first.device_token).await.unwrap();
    assert_ne!(device(&by_password), device(&first));
    // A device that is known by a password stays the one that it is.
    let device_token = by_password.device_token.clone();
    let ask = BeginEmailLoginRequest { device_token, ..request(&user.email) };
    let begun = begin_with(&server, ask).await.unwrap();
    let outcome = finish(&server, &begun.login_id, &logs::code(&user.username)).await.unwrap();
    assert_eq!(device(&tokens(outcome)), device(&by_password));
}

/// Two proofs make a device of its own, as after a password.
#[rstest]
#[tokio::test]
async fn mailbox_and_app_together_make_another_device_known_each_time(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let who = enrolled(&server).await;
    verify(&server, &who.user).await;
    let mut devices = Vec::new();
    for _ in 0..2 {
        let (id, code) = open(&server, &who.user).await;
        let asked = challenge(finish(&server, &id, &code).await.unwrap());
        let code = totp(who.app.code_at(&server.clock));
        devices.push(device(&answer(&server, &asked, code).await.unwrap()));
        server.clock.advance(COOL_DOWN);
    }
    assert_ne!(devices[0], devices[1]);
}

/// The second factor is turned on since: a device that the mailbox alone has made known does not count any more.
#[rstest]
#[tokio::test]
async fn a_device_by_the_mailbox_alone_is_none_where_the_second_factor_is_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let device_token = session_by_code(&server, &user).await.device_token;
    let session = server.session(&user).await;
    crate::factors::set_two_factor(&server, &session, true, PASSWORD).await.unwrap();
    let ask = BeginEmailLoginRequest { device_token, ..request(&user.email) };
    assert_eq!(reason_of(begin_with(&server, ask).await), "THROTTLED", "the strangers' cool-down");
}
