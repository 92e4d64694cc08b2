//! Two replicas whose clocks are ninety seconds apart, which is less than they may be; and janitors whose are hours apart.

use countersign::{
    app::{self, Environment},
    pb::Tokens,
};
use rstest::rstest;

use super::{HOUR, MINUTE, SECOND, WRONG, burn};
use crate::harness::{
    Backend, Server,
    clock::TestClock,
    jwt, logs, reason_of,
    server::{PASSWORD, config},
    wait,
};

const APART: i64 = 90;

/// One that is ahead, and one whose clock is right, with the same time going by.
async fn apart(backend: Backend) -> (Server, Server) {
    let right = Server::start(backend).await;
    right.clock.stop();
    let clock = right.clock.of_another();
    clock.set_wrong_by(APART);
    let environment = Environment { clock: clock.clock(), ..Environment::default() };
    let database = right.database.clone();
    let ahead = Server::start_on(database.clone(), &config(&database), environment, clock).await;
    (ahead, right)
}

#[rstest]
#[tokio::test]
async fn alternating_between_them_gives_no_more_guesses_and_the_owner_waits_no_longer_than_both(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (ahead, right) = apart(backend).await;
    let user = right.user(false).await;
    burn(&ahead, &user.username).await;
    for _ in 0..3 {
        for server in [&right, &ahead, &right] {
            let held = wait(server.login(&user.username, WRONG).await);
            assert!(held <= MINUTE + 90 * SECOND, "{held:?}");
        }
    }
    right.clock.advance(MINUTE);
    assert_eq!(reason_of(ahead.login(&user.username, WRONG).await), "INVALID_CREDENTIALS");
    assert_eq!(wait(ahead.login(&user.username, PASSWORD).await), MINUTE);
    right.clock.advance(MINUTE + 90 * SECOND);
    right.login(&user.username, PASSWORD).await.unwrap();
}

/// Whatever one begins the other completes.
#[rstest]
#[tokio::test]
async fn what_one_begins_the_other_completes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (ahead, right) = apart(backend).await;
    for (one, other) in [(&ahead, &right), (&right, &ahead)] {
        let user = one.user(true).await;
        let challenge = one.challenge(&user).await;
        // The cool-down by the clock that began it.
        right.clock.advance(30 * SECOND + 90 * SECOND);
        other.resend(&challenge).await.unwrap();
        let first = other.verify(&challenge, &logs::code(&user.username)).await.unwrap();
        one.me(&first).await.unwrap();
        let id = uuid::Uuid::now_v7().to_string();
        let second = one.refresh(&first.refresh_token, &id).await.unwrap();
        assert!(other.me(&second).await.is_ok());
        // Its answer was lost, and another replica gets the retry.
        let again: Tokens = other.refresh(&first.refresh_token, &id).await.unwrap();
        assert_eq!(again.refresh_token, second.refresh_token);
        for tokens in [&first, &second, &again] {
            let claims = jwt::claims(&tokens.access_token);
            assert!(claims["auth_time"].as_i64() <= claims["iat"].as_i64());
        }
        let third = other.refresh(&second.refresh_token, "").await.unwrap();
        one.logout(&third.refresh_token).await.unwrap();
        assert!(other.me(&third).await.is_err());
    }
}

/// A replica that is hours ahead, or beside which all others are behind, removes nothing that the others need; and if it is alone, it
/// cleans up.
#[rstest]
#[tokio::test]
async fn a_janitor_that_is_ahead_removes_nothing_while_another_one_is_there(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.email_verification = true;
        config.policy.unverified_ttl = HOUR;
    })
    .await;
    server.clock.stop();
    let user = server.user(true).await;
    server.user(false).await;
    let challenge = server.challenge(&user).await;
    let janitor = async |clock: &TestClock| {
        let environment = Environment { clock: clock.clock(), ..Environment::default() };
        let mut config = config(&server.database);
        config.policy.email_verification = true;
        app::parts(&config, &environment).await.unwrap().janitor
    };
    let wrong = server.clock.of_another();
    wrong.set_wrong_by(2 * 60 * 60);
    let (right, ahead) = (janitor(&server.clock).await, janitor(&wrong).await);
    let left = async || {
        let mut left = Vec::new();
        for table in ["challenges", "users WHERE deleted_at IS NULL"] {
            left.push(server.database.number(&format!("SELECT COUNT(*) FROM {table}")).await);
        }
        left
    };
    for _ in 0..3 {
        // The second time in a row it would renew what it has taken.
        for janitor in [&ahead, &ahead, &right] {
            assert!(janitor.run().await.unwrap().is_some());
        }
        server.clock.advance(MINUTE);
        assert_eq!(left().await, [1, 2]);
    }
    server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    // Then it is alone.
    ahead.run().await.unwrap();
    server.clock.advance(3 * MINUTE);
    ahead.run().await.unwrap();
    assert_eq!(left().await, [0, 1]);
}
