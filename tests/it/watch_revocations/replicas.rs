//! How a revocation gets from one replica to the streams of another.

use std::time::Duration;

use futures_util::future::join_all;
use rstest::rstest;

use super::{end, next, next_revocation, session_of, watch};
use crate::harness::{Backend, Beats, Server, eventually, soon};

/// So rarely that in a test it never happens again: what is heard then was announced.
const NEVER: Duration = Duration::from_secs(3600);

/// The requirement itself: on a quiet machine it is some milliseconds, or the time between two polls.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_revokes_another_ones_stream_tells_within_a_second(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let other = server.replica(|_, _| {}).await;
    let (store, user) = (server.database.store().await, server.user(false).await);
    let mut stream = watch(&other, "").await;
    next(&mut stream).await;
    for _ in 0..5 {
        let tokens = server.session(&user).await;
        end(store.as_ref(), &server, &user, &tokens).await;
        let committed = Beats::start();
        assert_eq!(session_of(&next_revocation(&mut stream).await.1), tokens.session_id);
        let took = committed.elapsed();
        eprintln!("{backend:?}: told after {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

/// Replicas revoke at once, and commit when they like. Whatever was committed is told once, in order, without a gap.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_skipped_and_nothing_comes_twice(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    const SESSIONS: usize = 60;
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let mut stream = watch(&server, "").await;
    next(&mut stream).await;
    let stores = [server.database.store().await, server.database.store().await];
    let mut tokens = Vec::new();
    for _ in 0..SESSIONS {
        tokens.push(server.session(&user).await);
    }
    let ends = tokens.iter().enumerate().map(|(number, tokens)| {
        let (store, server, user) = (&stores[number % 2], &server, &user);
        async move {
            // SQLite knows no transactions side by side.
            if backend == Backend::Postgres && number % 10 == 0 {
                return revoke_slowly(server).await;
            }
            end(store.as_ref(), server, user, tokens).await;
            tokens.session_id.clone()
        }
    });
    let told = async {
        let mut told = Vec::new();
        for number in 1..=SESSIONS {
            let (cursor, revocation) = next_revocation(&mut stream).await;
            assert_eq!(cursor, number.to_string(), "a gap, or something twice");
            told.push(session_of(&revocation));
        }
        told
    };
    let both = async { tokio::join!(join_all(ends), told) };
    let (mut revoked, mut told) = soon("all of them", both).await;
    revoked.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, revoked);
}

/// Revokes past the store, in a transaction whose commit is late. Gives the session.
async fn revoke_slowly(server: &Server) -> String {
    let session = uuid::Uuid::now_v7().to_string();
    let revoke = format!("BEGIN; {}; SELECT pg_sleep(0.05); COMMIT", revocation_of(&session));
    server.database.run(&revoke).await;
    session
}

/// Revokes without announcing it.
fn revocation_of(session: &str) -> String {
    format!(
        "UPDATE revocation_head SET seq = seq + 1; INSERT INTO revocations \
         SELECT seq, '{session}', NULL, now(), now() + INTERVAL '15 minutes' FROM revocation_head"
    )
}

async fn listeners(server: &Server) -> i64 {
    let sql = "SELECT COALESCE(MAX(pid), 0)::bigint FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name = 'countersign listener' AND query LIKE 'LISTEN%' AND state = 'idle'";
    server.database.number(sql).await
}

#[tokio::test]
async fn on_postgres_nobody_waits_for_the_next_poll_and_a_lost_listener_comes_back() {
    let server = Server::start_with(Backend::Postgres, |_, environment| {
        environment.revocations.poll_every = NEVER;
    })
    .await;
    let (store, user) = (server.database.store().await, server.user(false).await);
    let mut stream = watch(&server, "").await;
    let mut before = 0;
    for _ in 0..2 {
        eventually("a listener", async || {
            let now = listeners(&server).await;
            now != 0 && now != before
        })
        .await;
        before = listeners(&server).await;
        let tokens = server.session(&user).await;
        end(store.as_ref(), &server, &user, &tokens).await;
        assert_eq!(session_of(&next_revocation(&mut stream).await.1), tokens.session_id);
        server.database.run(&format!("SELECT pg_terminate_backend({before})")).await;
    }
}

/// As behind a PgBouncer in transaction mode, which drops LISTEN.
#[tokio::test]
async fn on_postgres_what_is_never_announced_is_found_all_the_same() {
    let server = Server::start(Backend::Postgres).await;
    let mut stream = watch(&server, "").await;
    next(&mut stream).await;
    let session = uuid::Uuid::now_v7().to_string();
    server.database.run(&revocation_of(&session)).await;
    assert_eq!(session_of(&next_revocation(&mut stream).await.1), session);
}
