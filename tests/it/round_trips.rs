//! How many round trips to Postgres a call takes (ADR 40): a statement more is seen here, and one that is no longer done at
//! once.

use std::time::Duration;

use countersign::app::Environment;

use crate::harness::{
    Backend, Database, Server, clock::TestClock, eventually, logs, server::config, wire::Wire,
};

/// A server that does nothing by itself once it has started, as far as Postgres knows.
async fn quiet_server() -> (Server, Wire) {
    let database = Database::new(Backend::Postgres).await;
    database.store().await.close().await;
    let (wire, url) = Wire::to(&database.url).await;
    let mut config = config(&database);
    config.database.url = url;
    // Each connection prepares statements of its own.
    config.database.max_connections = 1;
    let (clock, never) = (TestClock::default(), Duration::from_secs(3600));
    let mut environment = Environment {
        clock: clock.clock(),
        check_every: never,
        deliver_every: never,
        reload_keys_every: never,
        clean_every: never,
        ..Environment::default()
    };
    environment.revocations.poll_every = never;
    let server = Server::start_on(database, &config, environment, clock).await;
    (server, wire)
}

/// The statements so far, as soon as there are so many; no more must come. A call that needs a transaction fails here for the
/// statements that are missing: those of transactions are not noted, because the janitor cleans up at the start.
async fn expect(wire: &Wire, call: &str, number: usize) {
    let mut statements = Vec::new();
    eventually(call, async || {
        statements.extend(wire.taken());
        statements.len() >= number
    })
    .await;
    let told = statements.iter().map(|statement| statement.get(..150).unwrap_or(statement));
    let told: Vec<_> = told.collect();
    assert_eq!(statements.len(), number, "{call}: {told:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_and_a_refresh_take_few_round_trips() {
    let (server, wire) = quiet_server().await;
    let user = server.user(false).await;
    let mut tokens = server.session(&user).await;
    tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    wire.taken();
    // The user, the budgets, their charge, the session.
    server.session(&user).await;
    expect(&wire, "Login", 4).await;
    // The session, and its next token.
    server.refresh(&tokens.refresh_token, "").await.unwrap();
    expect(&wire, "RefreshToken", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_with_a_mailed_code_takes_few_round_trips() {
    let (server, wire) = quiet_server().await;
    let user = server.user(true).await;
    // The first code also verifies the address.
    server.session_by_mail(&user).await;
    server.session_by_mail(&user).await;
    wire.taken();
    // As a login by password up to the charge; then the factors, the budgets of mails and codes, the challenge; and the
    // delivery: a claim, and the end of the message.
    let challenge = server.challenge(&user).await;
    expect(&wire, "Login", 8).await;
    // The attempt, the budgets, their charge, the user, the session.
    server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    expect(&wire, "Verify2FA", 5).await;
}
