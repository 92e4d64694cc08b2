//! WatchEvents: what a stream tells.

use std::time::{Duration, Instant};

use countersign::{
    domain::{Actor, Event, EventKind},
    pb::{WatchEventsRequest, admin_service_client::AdminServiceClient},
    store::Store,
};
use futures_util::{future::join_all, poll};
use rstest::rstest;
use rstest_reuse::apply;
use tonic::{Code, transport::Channel};
use uuid::Uuid;

use super::{administrator, from, next, next_event, open, replay, watch};
use crate::harness::{
    Backend, Beats, Server, eventually, on_both, reason, server::bearer, soon, violations,
};

async fn append(server: &Server, store: &dyn Store, kind: EventKind) -> String {
    let event = Event::of(kind, None, None, Actor::Operator, None, server.clock.now());
    store.event_append(event.clone(), None).await.unwrap();
    event.id.to_string()
}

async fn some(server: &Server, number: usize) -> Vec<String> {
    let (store, mut ids) = (server.database.store().await, Vec::new());
    for _ in 0..number {
        ids.push(append(server, store.as_ref(), EventKind::UserEnabled).await);
    }
    ids
}

#[apply(on_both)]
#[tokio::test]
async fn it_begins_now_says_so_and_tells_what_comes_with_all_its_fields(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = administrator(&server).await;
    let mut stream = watch(&server, &tokens, "").await;
    assert_eq!(replay(&mut stream).await.0, Vec::<String>::new(), "nothing of before");
    let user = server.user(false).await;
    let session = server.session(&user).await;
    let registered = next(&mut stream).await.event.unwrap();
    assert_eq!((registered.kind.as_str(), &registered.user_id), ("registered", &user.id));
    let event = loop {
        if let Some(event) = next(&mut stream).await.event {
            break event;
        }
    };
    assert_eq!(event.kind, "login_succeeded");
    assert_eq!((&event.user_id, &event.session_id), (&user.id, &session.session_id));
    assert_eq!((event.actor, event.address), (format!("user:{}", user.id), "127.0.0.1".into()));
    assert!(event.service_account_id.is_empty() && event.subscription_id.is_empty());
    let seconds = server.clock.now().unix_seconds();
    assert!((seconds - 60..=seconds).contains(&event.time.unwrap().seconds));
}

/// However the stream was cut: behind each cursor comes the rest, and nothing else.
#[apply(on_both)]
#[tokio::test]
async fn it_goes_on_after_each_cursor_and_replays_all_after_one_from_the_future(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = administrator(&server).await;
    let mut stream = watch(&server, &tokens, "").await;
    let begun = replay(&mut stream).await.1;
    let events = some(&server, 4).await;
    for told in 1..=events.len() {
        let (cursor, id) = next_event(&mut stream).await;
        assert_eq!(id, events[told - 1]);
        let (rest, end) = replay(&mut watch(&server, &tokens, &cursor).await).await;
        assert_eq!(rest, events[told..], "after {cursor}");
        assert_eq!(replay(&mut watch(&server, &tokens, &end).await).await, (vec![], end));
    }
    assert_eq!(replay(&mut watch(&server, &tokens, &begun).await).await.0, events);
    // As one is that was received before the database was restored from a backup.
    let (all, _) = replay(&mut watch(&server, &tokens, "9223372036854775807").await).await;
    assert!(all.ends_with(&events) && all.len() > events.len());
    // What the janitor has removed is passed over.
    server.database.run("DELETE FROM events WHERE seq <= 3").await;
    let other = server.replica(|_, _| {}).await;
    let left = replay(&mut watch(&other, &tokens, "0").await).await.0;
    assert_eq!(left, all[3..]);
}

#[apply(on_both)]
#[tokio::test]
async fn only_the_kinds_that_are_wanted_are_told_and_the_cursor_passes_the_others(
    backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = administrator(&server).await;
    let kinds = vec!["user_disabled".to_owned(), "app_added".to_owned()];
    let request = WatchEventsRequest { cursor: "0".into(), kinds };
    let mut stream = open(&server, bearer(&tokens, request)).await.unwrap();
    let (none, before) = replay(&mut stream).await;
    assert!(none.is_empty() && before != "0", "{none:?}, {before}");
    let store = server.database.store().await;
    let mut wanted = Vec::new();
    for kind in [
        EventKind::UserEnabled,
        EventKind::UserDisabled,
        EventKind::LoginFailed,
        EventKind::AppAdded,
    ] {
        let id = append(&server, store.as_ref(), kind).await;
        if [EventKind::UserDisabled, EventKind::AppAdded].contains(&kind) {
            wanted.push(id);
        }
    }
    for id in wanted {
        assert_eq!(next_event(&mut stream).await.1, id);
    }
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let server = Server::start(Backend::Sqlite).await;
    let tokens = administrator(&server).await;
    let long = "1".repeat(65);
    for (cursor, kind, bad) in [
        ("x", "", &["cursor"][..]),
        ("-1", "", &["cursor"]),
        ("99999999999999999999", "", &["cursor"]),
        (&long, "", &["cursor"]),
        ("", "unheard_of", &["kinds"]),
        ("", "Registered", &["kinds"]),
        ("1.5", "login_failed ", &["cursor", "kinds"]),
    ] {
        let kinds = [kind].into_iter().filter(|kind| !kind.is_empty()).map(str::to_owned);
        let request = WatchEventsRequest { cursor: cursor.to_owned(), kinds: kinds.collect() };
        let refused = open(&server, bearer(&tokens, request)).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::InvalidArgument, "INVALID_FIELD"));
        assert_eq!(violations(&refused), bad, "{cursor:?} {kind:?}");
    }
}

#[tokio::test]
async fn a_silent_stream_says_that_it_lives_but_not_while_it_is_blind() {
    let server = Server::start_with(Backend::Postgres, |_, environment| {
        environment.revocations.heartbeat_every = Duration::from_millis(20);
        environment.revocations.poll_every = Duration::from_millis(50);
    })
    .await;
    let tokens = administrator(&server).await;
    let mut stream = watch(&server, &tokens, "").await;
    let cursor = next(&mut stream).await.cursor;
    for _ in 0..3 {
        let beat = next(&mut stream).await;
        assert_eq!((beat.event, beat.cursor), (None, cursor.clone()));
    }
    server.database.set_away(true).await;
    // Blind is whoever has not read for ten times that.
    let quiet = async || {
        let limit = Duration::from_secs(1);
        tokio::time::timeout(limit, stream.message()).await.is_err()
    };
    eventually("silence", quiet).await;
    assert!(poll!(std::pin::pin!(stream.message())).is_pending());
    server.database.set_away(false).await;
    let events = some(&server, 1).await;
    assert_eq!(next_event(&mut stream).await.1, events[0]);
    assert_eq!(next(&mut stream).await.event, None);
}

/// The first heartbeat ends the replay, and comes at once.
#[apply(on_both)]
#[tokio::test]
async fn the_end_of_the_replay_is_told_at_once(backend: Backend) {
    let server = Server::start_with(backend, |_, environment| {
        environment.revocations.heartbeat_every = Duration::from_secs(3600);
    })
    .await;
    let tokens = administrator(&server).await;
    let begun = replay(&mut watch(&server, &tokens, "").await).await.1;
    let events = some(&server, 3).await;
    assert_eq!(replay(&mut watch(&server, &tokens, &begun).await).await.0, events);
}

/// The requirement itself: on a quiet machine it is the time between two polls.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_writes_another_ones_stream_tells_within_a_second(backend: Backend) {
    let server = Server::start(backend).await;
    let other = server.replica(|_, _| {}).await;
    let tokens = administrator(&server).await;
    let store = server.database.store().await;
    let mut stream = watch(&other, &tokens, "").await;
    next(&mut stream).await;
    for _ in 0..5 {
        let id = append(&server, store.as_ref(), EventKind::UserEnabled).await;
        let committed = Beats::start();
        assert_eq!(next_event(&mut stream).await.1, id);
        let took = committed.elapsed();
        eprintln!("{backend:?}: told after {took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

/// Replicas write at once and commit when they like; streams of both tell everything once, in the same order.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_skipped_and_nothing_comes_twice(backend: Backend) {
    const EVENTS: usize = 80;
    let server = Server::start(backend).await;
    let other = server.replica(|_, _| {}).await;
    let tokens = administrator(&server).await;
    let mut streams = [watch(&server, &tokens, "").await, watch(&other, &tokens, "").await];
    for stream in &mut streams {
        next(stream).await;
    }
    let stores = [server.database.store().await, server.database.store().await];
    let writers = (0..EVENTS).map(|number| {
        let (store, server) = (&stores[number % 2], &server);
        async move {
            // SQLite knows no transactions side by side.
            if backend == Backend::Postgres && number % 8 == 0 {
                return append_slowly(server, 0.01 * (number % 5) as f64).await;
            }
            append(server, store.as_ref(), EventKind::UserEnabled).await
        }
    });
    let told = join_all(streams.iter_mut().map(|stream| async move {
        let mut told = Vec::new();
        for _ in 0..EVENTS {
            told.push(next_event(stream).await);
        }
        told
    }));
    let both = async { tokio::join!(join_all(writers), told) };
    let (mut written, told) = soon("all of them", both).await;
    assert_eq!(told[0], told[1], "one order for all");
    let numbers: Vec<i64> = told[0].iter().map(|(cursor, _)| cursor.parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    let mut ids: Vec<_> = told[0].iter().map(|(_, id)| id.clone()).collect();
    written.sort_unstable();
    ids.sort_unstable();
    assert_eq!(ids, written);
}

/// Writes past the store, in a transaction whose commit is late.
async fn append_slowly(server: &Server, seconds: f64) -> String {
    let id = Uuid::now_v7().to_string();
    let sql = format!(
        "BEGIN; INSERT INTO events (id, kind, at) VALUES ('{id}', 'user_enabled', now()); \
         SELECT pg_sleep({seconds}); COMMIT"
    );
    server.database.run(&sql).await;
    id
}

/// A reader that is behind what is kept in memory reads on from the store.
#[apply(on_both)]
#[tokio::test]
async fn a_slow_reader_misses_nothing_however_far_behind_it_is(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = administrator(&server).await;
    // What fits into the window of the connection is no backlog.
    let endpoint = Channel::from_shared(format!("http://{}", server.grpc)).unwrap();
    let narrow = endpoint.initial_stream_window_size(1024).connect().await.unwrap();
    let opened = AdminServiceClient::new(narrow).watch_events(bearer(&tokens, from(""))).await;
    let mut stream = opened.unwrap().into_inner();
    let begun: i64 = next(&mut stream).await.cursor.parse().unwrap();
    let (numbers, id) = match backend {
        Backend::Sqlite => (
            "WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 900)",
            "randomblob(16)",
        ),
        Backend::Postgres => {
            ("WITH numbers (n) AS (SELECT generate_series(1, 900))", "gen_random_uuid()")
        }
    };
    let at = "SELECT at FROM events LIMIT 1";
    let many = format!(
        "INSERT INTO events (id, kind, at) {numbers} SELECT {id}, 'user_enabled', ({at}) FROM numbers"
    );
    // Three rounds: the first are in memory no more when the last have come.
    for round in 1..=3 {
        server.database.run(&many).await;
        let numbered = format!("SELECT COUNT(*) FROM events WHERE seq > {begun}");
        eventually("their numbers", async || {
            server.database.number(&numbered).await == 900 * round
        })
        .await;
    }
    let numbers = soon("all of them", async {
        let mut numbers = Vec::new();
        while numbers.len() < 2700 {
            numbers.push(next_event(&mut stream).await.0.parse::<i64>().unwrap());
        }
        numbers
    })
    .await;
    assert_eq!(numbers, (begun + 1..=begun + 2700).collect::<Vec<_>>());
}

/// Streams that are open while a database is restored tell all that it still has.
#[apply(on_both)]
#[tokio::test]
async fn numbers_that_go_back_begin_anew(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = administrator(&server).await;
    let mut stream = watch(&server, &tokens, "0").await;
    let before = replay(&mut stream).await.0;
    let events = some(&server, 3).await;
    for id in &events {
        assert_eq!(next_event(&mut stream).await.1, *id);
    }
    let left = before.len() + 1;
    let back = format!("DELETE FROM events WHERE seq > {left}; UPDATE event_head SET seq = {left}");
    server.database.run(&back).await;
    for id in before.iter().chain(&events[..1]) {
        assert_eq!(next_event(&mut stream).await.1, *id);
    }
}

/// So that a connection can end, and callers spread over new replicas.
#[apply(on_both)]
#[tokio::test]
async fn a_stream_that_is_old_ends_in_order_and_the_next_one_goes_on_after_its_cursor(
    backend: Backend,
) {
    let server = Server::start_with(backend, |config, environment| {
        config.listen.stream_age = Duration::from_millis(500);
        environment.revocations.heartbeat_every = Duration::from_millis(20);
    })
    .await;
    let tokens = administrator(&server).await;
    let (begun, mut stream) = (Instant::now(), watch(&server, &tokens, "").await);
    let mut cursor = String::new();
    let over = soon("the end", async {
        loop {
            match stream.message().await {
                Ok(Some(message)) => cursor = message.cursor,
                over => return over,
            }
        }
    });
    assert_eq!(over.await.unwrap(), None, "an error, not the end");
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
    let meanwhile = some(&server, 1).await;
    assert_eq!(replay(&mut watch(&server, &tokens, &cursor).await).await.0, meanwhile);
}

/// One that reads nothing must not stand in the way.
#[apply(on_both)]
#[tokio::test]
async fn when_the_server_shuts_down_its_streams_end_in_order(backend: Backend) {
    let server = Server::start(backend).await;
    let tokens = administrator(&server).await;
    let mut stream = watch(&server, &tokens, "").await;
    let _does_not_read = open(&server, bearer(&tokens, from(""))).await.unwrap();
    assert_eq!(next(&mut stream).await.event, None);
    server.stop().await.unwrap();
    assert_eq!(soon("the end", stream.message()).await.unwrap(), None, "an error, not the end");
}
