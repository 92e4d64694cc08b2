//! Rivals for an address, many at once.

use futures_util::future::join_all;
use rstest::rstest;

use super::{register, verify_email};
use crate::harness::{
    Backend, Server, logs, reason,
    server::{PASSWORD, registration},
};

const CALLERS: usize = 64;

/// Addresses are verified, and each of the callers has an attempt.
async fn start(backend: Backend) -> Server {
    Server::start_with(backend, |config, _| {
        config.policy.email_verification = true;
        config.policy.code.max_attempts = 64;
    })
    .await
}

async fn count(server: &Server, email: &str, what: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM users WHERE email = '{email}' AND {what}");
    server.database.number(&sql).await
}

/// Two accounts claim an address; one of them has it, or neither, where who had it is gone.
#[rstest]
#[tokio::test]
async fn of_64_callers_that_verify_an_address_for_two_accounts_one_succeeds(
    #[values(false, true)] the_first_is_gone: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    for _ in 0..4 {
        let first = registration(false);
        if the_first_is_gone {
            register(&server, first.clone()).await.unwrap();
        }
        let email = first.email.clone();
        let mut rivals = Vec::new();
        for mut request in [registration(false), registration(false)] {
            request.email.clone_from(&email);
            let id = register(&server, request.clone()).await.unwrap().verification_id;
            rivals.push((id, logs::code(&request.username)));
        }
        if the_first_is_gone {
            let gone = format!("DELETE FROM users WHERE username = '{}'", first.username);
            server.database.run(&gone).await;
        }
        let callers = (0..CALLERS).map(|number| &rivals[number % 2]);
        let answers = join_all(callers.map(|(id, code)| verify_email(&server, id, code))).await;
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(done, 1);
        for refused in answers.into_iter().filter_map(Result::err) {
            let reason = reason(&refused);
            let expected = ["CHALLENGE_INVALID", "CHALLENGE_EXHAUSTED", "THROTTLED"];
            assert!(expected.contains(&&*reason), "{reason}");
        }
        assert_eq!(count(&server, &email, "email_verified").await, 1);
        assert_eq!(count(&server, &email, "TRUE").await, 1);
        assert!(server.login(&email, PASSWORD).await.is_ok(), "it is found by the address");
    }
}

#[rstest]
#[tokio::test]
async fn of_those_who_register_a_free_address_at_once_all_may_and_one_has_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let email = registration(false).email;
    let requests = (0..16).map(|_| {
        let mut request = registration(false);
        request.email.clone_from(&email);
        request
    });
    let answers = join_all(requests.map(|request| register(&server, request))).await;
    for answer in answers {
        answer.unwrap();
    }
    assert_eq!(count(&server, &email, "claimed_email_key IS NULL").await, 1);
    assert_eq!(count(&server, &email, "TRUE").await, 16);
}
