//! How many round trips to Postgres a call takes (ADR 40): a statement more is seen here, and one that is no longer done at
//! once.

use std::time::Duration;

use countersign::app::Environment;

use crate::harness::{
    Backend, Database, Server, clock::TestClock, eventually, server::config, wire::Wire,
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
    environment.revocations.events_every = never;
    let server = Server::start_on(database, &config, environment, clock).await;
    (server, wire)
}

/// The statements so far, as soon as there are so many; no more must come. A call that needs a transaction fails here for the
/// statements that are missing: those of transactions are not noted, because the janitor cleans up at the start.
async fn expect(wire: &Wire, call: &str, number: usize) {
    let mut statements = Vec::new();
    eventually(call, async || {
        // Keys are read in the background, and when a new one begins to sign.
        statements.extend(wire.taken().into_iter().filter(|text| !text.contains(" signing_keys ")));
        statements.len() >= number
    })
    .await;
    let told = statements.iter().map(|statement| statement.get(..150).unwrap_or(statement));
    let told: Vec<_> = told.collect();
    assert_eq!(statements.len(), number, "{call}: {told:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_takes_two_round_trips() {
    let (server, wire) = quiet_server().await;
    let user = server.user(false).await;
    let mut tokens = server.session(&user).await;
    tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    wire.taken();
    // The session, and its next token.
    server.refresh(&tokens.refresh_token, "").await.unwrap();
    expect(&wire, "RefreshToken", 2).await;
}
