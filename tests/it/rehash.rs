//! Stored hashes of other systems and of cheaper days, replaced at login.

use countersign::{app::Environment, pb::User};
use rstest::rstest;

use crate::harness::{
    Backend, Database, Server,
    clock::TestClock,
    eventually, reason,
    server::{PASSWORD, config},
};

async fn import(server: &Server, user: &User, hash: &str) {
    let name = &user.username;
    let import = format!("UPDATE users SET password_hash = '{hash}' WHERE username = '{name}'");
    server.database.run(&import).await;
}

/// Waits until the user's hash begins so.
async fn becomes(server: &Server, user: &User, start: &str) {
    let name = &user.username;
    let sql = format!(
        "SELECT COUNT(*) FROM users WHERE username = '{name}' AND password_hash LIKE '{start}%'"
    );
    eventually(start, async || server.database.number(&sql).await == 1).await;
}

#[rstest]
#[tokio::test]
async fn a_login_replaces_a_hash_of_another_system_and_the_password_stays_the_same(
    #[values("$2a$", "$2b$", "$2y$")] prefix: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let other = server.user(false).await;
    // Dearer than what is configured: a hash never gets cheaper.
    let hash = bcrypt::hash(PASSWORD, 5).unwrap().replacen("$2b$", prefix, 1);
    import(&server, &user, &hash).await;
    import(&server, &other, &hash).await;
    let refused = server.login(&other.username, "a wrong guess").await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
    let tokens = server.session(&user).await;
    becomes(&server, &user, "$bcrypt-sha256$v=2,t=2b,r=5$").await;
    // Nothing else has changed: the session goes on, and only this password logs in.
    assert!(server.me(&tokens).await.is_ok());
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
    assert!(server.login(&user.username, "a wrong guess").await.is_err());
    becomes(&server, &other, prefix).await;
}

/// bcrypt compares 72 bytes. If a login replaced such a hash by one of all that was typed, a typing error after them would become
/// the password, and the right one would be refused from then on.
#[rstest]
#[tokio::test]
async fn a_typing_error_that_bcrypt_does_not_see_does_not_become_the_password(
    #[values(72, 73, 100)] bytes: usize,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (long, short) = (server.user(false).await, server.user(false).await);
    let (right, wrong) = ("é".repeat(36), format!("{}x", "é".repeat(36)));
    let right = format!("{right}{}", "y".repeat(bytes - 72));
    import(&server, &long, &bcrypt::hash(&right, 4).unwrap()).await;
    import(&server, &short, &bcrypt::hash(&right[..70], 4).unwrap()).await;
    for typed in [&wrong, &right, &wrong] {
        server.login(&long.username, typed).await.unwrap();
    }
    // One byte fewer than bcrypt compares is all of a password.
    server.login(&short.username, &right[..70]).await.unwrap();
    becomes(&server, &short, "$bcrypt-sha256$").await;
    becomes(&server, &long, "$2b$").await;
    server.login(&long.username, &right).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_login_replaces_a_hash_that_was_cheaper_and_no_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut config = config(&database);
    let start = Server::start_on(database, &config, Environment::default(), TestClock::default());
    let cheap = start.await;
    let (user, absent) = (cheap.user(true).await, cheap.user(false).await);
    config.password.cost = 6;
    let (environment, clock) = (Environment::default(), TestClock::default());
    let server = Server::start_on(cheap.database, &config, environment, clock).await;
    // The password was right, whatever becomes of the second factor.
    server.challenge(&user).await;
    becomes(&server, &user, "$bcrypt-sha256$v=2,t=2b,r=6$").await;
    becomes(&server, &absent, "$bcrypt-sha256$v=2,t=2b,r=4$").await;
}

#[rstest]
#[tokio::test]
async fn a_hash_that_cannot_be_replaced_fails_no_login(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    import(&server, &user, &bcrypt::hash(PASSWORD, 4).unwrap()).await;
    server.database.refuse("UPDATE OF password_hash ON users").await;
    for _ in 0..3 {
        server.session(&user).await;
    }
    becomes(&server, &user, "$2b$").await;
}
