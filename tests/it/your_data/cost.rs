//! What an export costs does not grow with what there is of others.

use std::time::Duration;

use crate::{
    harness::{Backend, Server, eventually},
    pile_up::{ROWS, pile_up, read, without_statistics},
};

use super::merged;

/// What it reads on SQLite: `src/store/sqlite/pile_tests.rs`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_of_others_are_not_read() {
    let server = Server::start_with(Backend::Postgres, |_, environment| {
        environment.clean_every = Duration::from_secs(3600);
    })
    .await;
    server.clock.stop();
    let (user, other) = (server.user(false).await, server.user(false).await);
    let tokens = server.session(&user).await;
    without_statistics(&server.database).await;
    pile_up(&server, &other).await;
    let pilers = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND application_name NOT LIKE 'countersign%' AND pid <> pg_backend_pid()";
    eventually("the pilers' end", async || server.database.number(pilers).await == 0).await;
    let before = read(&server.database).await;
    let found = merged(&server, &tokens).await;
    assert_eq!((found.sessions.len(), found.events.len()), (1, 3));
    let database = std::sync::Arc::clone(&server.database);
    // What it has read a connection tells at the latest when it ends.
    server.stop().await.unwrap();
    let others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND application_name LIKE 'countersign%'";
    eventually("the connections' end", async || database.number(others).await == 0).await;
    let read = read(&database).await - before;
    assert!((1..ROWS / 10).contains(&read), "{read} rows and entries");
}
