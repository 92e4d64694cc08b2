//! From Register to a user.

use std::time::Duration;

use countersign::{
    domain::TrustedProxies,
    pb::{RegisterRequest, VerifyEmailRequest},
};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::Code;

use super::{register, server, user, verify};
use crate::{
    harness::{
        Backend, Server, logs, reason, reason_of,
        server::{PASSWORD, registration, wrong},
        violations,
    },
    mailbox::COOL_DOWN,
};

#[rstest]
#[tokio::test]
async fn a_user_is_there_once_the_address_is_shown_to_be_theirs(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let request = RegisterRequest { two_factor: true, ..registration(false) };
    let registered = register(&server, request.clone()).await.unwrap();
    let (user, id) = (registered.user.unwrap(), registered.verification_id);
    assert!(user.two_factor_enabled && !user.email_verified);
    for name in [&request.username, &request.email] {
        assert_eq!(reason_of(server.login(name, PASSWORD).await), "INVALID_CREDENTIALS");
    }
    let code = logs::code(&request.username);
    assert_eq!(reason_of(verify(&server, &id, &wrong(&code), "").await), "CHALLENGE_INVALID");
    verify(&server, &id, &code, "").await.unwrap();
    assert_eq!(reason_of(verify(&server, &id, &code, "").await), "CHALLENGE_INVALID", "used");
    let tokens = server.session_by_mail(&user).await;
    let me = server.me(&tokens).await.unwrap();
    assert_eq!((me.id, me.create_time, me.email_verified), (user.id, user.create_time, true));
}

#[rstest]
#[tokio::test]
async fn a_taken_name_is_told_after_a_right_code_alone_and_another_one_takes_its_place(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let holder = user(&server).await;
    let username = holder.username.to_uppercase();
    let request = RegisterRequest { username: username.clone(), ..registration(false) };
    let id = register(&server, request.clone()).await.unwrap().verification_id;
    let code = logs::code(&username);
    assert_eq!(reason_of(verify(&server, &id, &wrong(&code), "").await), "CHALLENGE_INVALID");
    let refused = verify(&server, &id, &code, "").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::AlreadyExists, "USERNAME_TAKEN".into()));
    assert_eq!(violations(&refused), ["username"]);
    let refused = verify(&server, &id, &code, "no name").await.unwrap_err();
    assert_eq!(violations(&refused), ["username"]);
    let another = registration(false).username;
    verify(&server, &id, &code, &another).await.unwrap();
    assert!(server.login(&another, PASSWORD).await.is_ok());
    assert!(server.login(&request.email, PASSWORD).await.is_ok());
    assert!(server.login(&holder.username, PASSWORD).await.is_ok(), "theirs as before");
}

/// Nobody asks for many names with one mailbox (user enumeration).
#[rstest]
#[tokio::test]
async fn taken_names_are_counted_for_their_source(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.email_verification = true;
        config.policy.register_quietly = true;
        // A sixth of them at once.
        config.policy.source_failures = 18;
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    server.clock.stop();
    let holder = user(&server).await;
    let request = RegisterRequest { username: holder.username.clone(), ..registration(false) };
    let verification_id = register(&server, request).await.unwrap().verification_id;
    let code = logs::code(&holder.username);
    let from = async |address: &str| {
        let (verification_id, code) = (verification_id.clone(), code.clone());
        let request = VerifyEmailRequest { verification_id, code, ..Default::default() };
        let mut request = tonic::Request::new(request);
        request.metadata_mut().insert("x-forwarded-for", address.parse().unwrap());
        reason_of(server.auth.clone().verify_email(request).await)
    };
    for _ in 0..3 {
        assert_eq!(from("192.0.2.1").await, "USERNAME_TAKEN");
    }
    assert_eq!(from("192.0.2.1").await, "THROTTLED");
    assert_eq!(from("192.0.2.2").await, "USERNAME_TAKEN");
}

#[rstest]
#[tokio::test]
async fn registrations_send_a_mailbox_so_many_mails(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let email = registration(false).email;
    let mut sent = 0;
    let refused = loop {
        assert!(sent < 100, "there is no limit");
        let request = RegisterRequest { email: email.clone(), ..registration(false) };
        match register(&server, request).await {
            Ok(_) => sent += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(reason(&refused), "THROTTLED");
    assert!(sent > 0);
}

#[rstest]
#[tokio::test]
async fn another_code_is_sent_for_an_id_until_the_registration_expires(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let (request, late) = (registration(false), registration(false));
    let id = register(&server, request.clone()).await.unwrap().verification_id;
    let late_id = register(&server, late).await.unwrap().verification_id;
    server.clock.advance(Duration::from_secs(24 * 3600));
    let id = crate::mailbox::resend(&server, &id).await.unwrap();
    server.clock.advance(COOL_DOWN);
    verify(&server, &id, &logs::code(&request.username), "").await.unwrap();
    assert!(server.login(&request.username, PASSWORD).await.is_ok());
    let again = crate::mailbox::resend(&server, &id).await;
    assert_eq!(reason_of(again), "CHALLENGE_INVALID", "there is nothing to verify");
    server.clock.advance(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(reason_of(crate::mailbox::resend(&server, &late_id).await), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn of_64_callers_with_the_right_code_one_makes_the_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let request = registration(false);
    let id = register(&server, request.clone()).await.unwrap().verification_id;
    let code = logs::code(&request.username);
    let answers = join_all((0..64).map(|_| verify(&server, &id, &code, ""))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM users").await, 1);
}
