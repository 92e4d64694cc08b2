//! WatchRevocations: what a stream tells, and how it ends. How revocations travel between replicas: `replicas`.

mod replicas;

use std::time::{Duration, Instant};

use countersign::{
    app::{self, Environment},
    domain::Actor,
    pb::{
        IntrospectTokenRequest, Revocation, Tokens, User, WatchRevocationsRequest,
        WatchRevocationsResponse, revocation::Subject,
    },
    store::{Revoking, Store},
};
use futures_util::poll;
use rstest::rstest;
use tonic::{Code, Request, Status, Streaming};
use uuid::Uuid;

use crate::{
    harness::{
        Backend, Server, eventually, reason,
        server::{config, registration},
        soon, violations,
    },
    http::get,
};

/// How long the tokens of these tests live.
const TOKENS: Duration = Duration::from_secs(900);

type Stream = Streaming<WatchRevocationsResponse>;

async fn try_watch(server: &Server, cursor: &str) -> Result<Stream, Status> {
    let request = WatchRevocationsRequest { cursor: cursor.to_owned() };
    let opened = soon("WatchRevocations", server.tokens.clone().watch_revocations(request)).await;
    opened.map(tonic::Response::into_inner)
}

async fn watch(server: &Server, cursor: &str) -> Stream {
    try_watch(server, cursor).await.unwrap()
}

async fn next(stream: &mut Stream) -> WatchRevocationsResponse {
    soon("a message", stream.message()).await.unwrap().unwrap()
}

/// The next revocation; heartbeats before it do not count.
async fn next_revocation(stream: &mut Stream) -> (String, Revocation) {
    loop {
        let WatchRevocationsResponse { cursor, revocation } = next(stream).await;
        if let Some(revocation) = revocation {
            return (cursor, revocation);
        }
    }
}

/// The sessions that are told until the first heartbeat, and its cursor.
async fn replay(stream: &mut Stream) -> (Vec<String>, String) {
    let mut sessions = Vec::new();
    loop {
        let WatchRevocationsResponse { cursor, revocation } = next(stream).await;
        let Some(revocation) = revocation else { return (sessions, cursor) };
        sessions.push(session_of(&revocation));
    }
}

fn session_of(revocation: &Revocation) -> String {
    match &revocation.subject {
        Some(Subject::SessionId(id)) => id.clone(),
        other => panic!("not of a session: {other:?}"),
    }
}

/// Ends a session past the server, as another replica would.
async fn end(store: &dyn Store, server: &Server, user: &User, tokens: &Tokens) {
    let now = server.clock.now();
    let revoking = Revoking {
        now,
        tokens_expire_at: now.plus(TOKENS),
        actor: Actor::Nobody,
        address: None,
        carried_out: None,
    };
    let [session, user] = [&tokens.session_id, &user.id].map(|id| Uuid::parse_str(id).unwrap());
    assert!(store.session_revoke(session, user, revoking).await.unwrap());
}

/// Begins some sessions and ends them, in order.
async fn ended_sessions(server: &Server, number: usize) -> Vec<String> {
    let (store, user) = (server.database.store().await, server.user(false).await);
    let mut sessions = Vec::new();
    for _ in 0..number {
        let tokens = server.session(&user).await;
        end(store.as_ref(), server, &user, &tokens).await;
        sessions.push(tokens.session_id);
    }
    sessions
}

async fn open_streams(server: &Server) -> i64 {
    let (_, figures) = get(server.http, "/metrics").await;
    let line =
        figures.lines().find_map(|line| line.strip_prefix("countersign_revocation_streams "));
    line.unwrap().parse().unwrap()
}

#[rstest]
#[tokio::test]
async fn it_tells_what_matters_then_that_this_is_all_and_then_what_comes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let mut empty = watch(&server, "").await;
    assert_eq!(replay(&mut empty).await.0, Vec::<String>::new());
    let ended = ended_sessions(&server, 3).await;
    for session in &ended {
        let (_, revocation) = next_revocation(&mut empty).await;
        assert_eq!(session_of(&revocation), *session);
        let (begin, end) = (revocation.not_before.unwrap(), revocation.expire_time.unwrap());
        assert_eq!(end.seconds - begin.seconds, 900);
    }
    let (sessions, cursor) = replay(&mut watch(&server, "").await).await;
    assert_eq!(sessions, ended);
    // Nothing came since.
    assert_eq!(replay(&mut watch(&server, &cursor).await).await, (vec![], cursor));
}

#[rstest]
#[tokio::test]
async fn it_goes_on_after_each_cursor_and_replays_all_after_one_from_the_future(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let ended = ended_sessions(&server, 4).await;
    let mut stream = watch(&server, "").await;
    for told in 1..=ended.len() {
        let (cursor, _) = next_revocation(&mut stream).await;
        let (rest, _) = replay(&mut watch(&server, &cursor).await).await;
        assert_eq!(rest, ended[told..], "after {cursor}");
    }
    // As one is that was received before the database was restored from a backup.
    let (all, _) = replay(&mut watch(&server, "9223372036854775807").await).await;
    assert_eq!(all, ended);
}

/// What is in memory was forgotten by the time of day.
#[rstest]
#[tokio::test]
async fn a_clock_that_was_ahead_and_is_set_right_has_forgotten_nothing(
    #[values(2 * 60 * 60, 365 * 24 * 60 * 60)] ahead: i64,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let ended = ended_sessions(&server, 2).await;
    assert_eq!(replay(&mut watch(&server, "").await).await.0, ended);
    server.clock.set_wrong_by(ahead);
    assert_eq!(replay(&mut watch(&server, "").await).await.0, Vec::<String>::new());
    server.clock.set_wrong_by(0);
    assert_eq!(replay(&mut watch(&server, "").await).await.0, ended);
}

/// The first heartbeat ends the replay, however much was replayed, and revocations put none off.
#[rstest]
#[tokio::test]
async fn the_end_of_the_replay_is_told_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let never = |_config: &mut _, environment: &mut Environment| {
        environment.revocations.heartbeat_every = Duration::from_secs(3600);
    };
    let server = Server::start_with(backend, never).await;
    let ended = ended_sessions(&server, 3).await;
    assert_eq!(replay(&mut watch(&server, "").await).await.0, ended);
}

/// A replica whose clock is ahead may issue a token after the session has ended here.
#[rstest]
#[tokio::test]
async fn a_revocation_outlives_every_token_that_it_voids(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    server.logout(&tokens.refresh_token).await.unwrap();
    let (_, revocation) = next_revocation(&mut watch(&server, "").await).await;
    let last = server.clock.now().plus(TOKENS).unix_seconds();
    assert!(revocation.expire_time.unwrap().seconds >= last + 100);
}

/// Streams that are open while a database is restored hear all that it still has.
#[rstest]
#[tokio::test]
async fn numbers_that_go_back_begin_anew(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let ended = ended_sessions(&server, 3).await;
    let mut stream = watch(&server, "").await;
    assert_eq!(replay(&mut stream).await.0, ended);
    server.database.run("DELETE FROM revocations WHERE seq > 2").await;
    server.database.run("UPDATE revocation_head SET seq = 2").await;
    for session in &ended[..2] {
        assert_eq!(session_of(&next_revocation(&mut stream).await.1), *session);
    }
}

#[rstest]
#[tokio::test]
async fn what_has_expired_is_not_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let ended = ended_sessions(&server, 2).await;
    let (told, cursor) = replay(&mut watch(&server, "").await).await;
    assert_eq!(told, ended);
    server.clock.advance(TOKENS);
    let later = ended_sessions(&server, 1).await;
    assert_eq!(replay(&mut watch(&server, "").await).await.0, later);
    let (told, _) = replay(&mut watch(&server, &cursor).await).await;
    assert_eq!(told, later);
}

#[tokio::test]
async fn what_is_no_cursor_is_a_bad_field() {
    let server = Server::start(Backend::Sqlite).await;
    for cursor in ["x", "-1", "1.5", "99999999999999999999"] {
        let refused = try_watch(&server, cursor).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused), violations(&refused)),
            (Code::InvalidArgument, "INVALID_FIELD".into(), vec!["cursor".into()]),
            "{cursor}"
        );
    }
}

#[rstest]
#[tokio::test]
async fn a_silent_stream_says_that_it_lives_but_not_while_it_is_blind() {
    let server = Server::start_with(Backend::Postgres, |_, environment| {
        environment.revocations.heartbeat_every = Duration::from_millis(20);
        environment.revocations.poll_every = Duration::from_millis(50);
    })
    .await;
    let mut stream = watch(&server, "").await;
    for _ in 0..3 {
        assert_eq!(next(&mut stream).await.revocation, None);
    }
    server.database.set_away(true).await;
    // Blind is whoever has not read for ten times that: from then on, no stream is begun.
    let refused = async || try_watch(&server, "").await.err().map(|refused| reason(&refused));
    eventually("no new stream", async || refused().await.as_deref() == Some("STORE_UNAVAILABLE"))
        .await;
    // What was said before that is taken; now nothing more comes.
    while poll!(std::pin::pin!(stream.message())).is_ready() {}
    assert_eq!(refused().await.as_deref(), Some("STORE_UNAVAILABLE"));
    assert!(poll!(std::pin::pin!(stream.message())).is_pending(), "a blind stream said it lives");
    server.database.set_away(false).await;
    let is_back = async || server.register(registration(false)).await.is_ok();
    eventually("the database", is_back).await;
    let ended = ended_sessions(&server, 1).await;
    assert_eq!(session_of(&next_revocation(&mut stream).await.1), ended[0]);
    assert_eq!(next(&mut stream).await.revocation, None);
}

#[tokio::test]
async fn only_its_callers_deadline_cuts_a_stream() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.revocations.heartbeat_every = Duration::from_millis(20);
        environment.limits.max_deadline = Duration::from_millis(500);
    })
    .await;
    let mut unlimited = watch(&server, "").await;
    let mut request = Request::new(WatchRevocationsRequest::default());
    request.set_timeout(Duration::from_secs(2));
    let opened = soon("opening", server.tokens.clone().watch_revocations(request)).await;
    let mut limited = opened.unwrap().into_inner();
    let cut = soon("the deadline", async {
        loop {
            if let Err(cut) = limited.message().await {
                return cut;
            }
        }
    })
    .await;
    assert_eq!((cut.code(), reason(&cut)), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into()));
    // By now it is older than the longest that an answer may take.
    assert_eq!(next(&mut unlimited).await.revocation, None);
    eventually("one stream", async || open_streams(&server).await == 1).await;
}

#[rstest]
#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_behind(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(watch(&server, "").await);
    }
    eventually("the streams", async || open_streams(&server).await == 20).await;
    drop(streams);
    eventually("no streams", async || open_streams(&server).await == 0).await;
}

/// With an error, a subscriber could not tell a shutdown from a failure. One that reads nothing must not stand in the way.
#[rstest]
#[tokio::test]
async fn when_the_server_shuts_down_its_streams_end_in_order(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let mut stream = watch(&server, "").await;
    let _does_not_read = watch(&server, "").await;
    assert_eq!(next(&mut stream).await.revocation, None);
    server.stop().await.unwrap();
    assert_eq!(soon("the end", stream.message()).await.unwrap(), None, "an error, not the end");
}

/// Whoever has a leaked key can sign for years: it is told for longer than any token of ours can live.
#[rstest]
#[tokio::test]
async fn a_signing_key_that_is_withdrawn_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let config = config(&server.database);
    let keys = app::keys(&config, &server.clock.clock()).await.unwrap().unwrap();
    let mut stream = watch(&server, "").await;
    let (next, leaked) = keys.replace().await.unwrap();
    keys.rotate(true).await.unwrap();
    keys.retire(&next.kid).await.unwrap();
    for kid in [leaked, next.kid] {
        let (_, revocation) = soon("the revocation", next_revocation(&mut stream)).await;
        assert_eq!(revocation.subject, Some(Subject::KeyId(kid)));
        let (begin, end) = (revocation.not_before.unwrap(), revocation.expire_time.unwrap());
        assert!(end.seconds - begin.seconds > 24 * 3600);
        assert!(revocation.kept_session_id.is_empty() && revocation.session_epoch == 0);
    }
}

/// So that a connection can end, and subscribers spread over new replicas.
#[rstest]
#[tokio::test]
async fn a_stream_that_is_old_ends_in_order_and_the_next_one_goes_on_after_its_cursor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, environment| {
        config.listen.stream_age = Duration::from_millis(500);
        environment.revocations.heartbeat_every = Duration::from_millis(20);
    })
    .await;
    let ended = ended_sessions(&server, 2).await;
    let (begun, mut stream) = (Instant::now(), watch(&server, "").await);
    let (told, mut cursor) = replay(&mut stream).await;
    assert_eq!(told, ended);
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
    let meanwhile = ended_sessions(&server, 1).await;
    assert_eq!(replay(&mut watch(&server, &cursor).await).await.0, meanwhile);
}

/// Introspection and the stream are two views of one thing.
#[rstest]
#[tokio::test]
async fn a_token_whose_revocation_is_told_is_inactive(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (store, user) = (server.database.store().await, server.user(false).await);
    let tokens = server.session(&user).await;
    let mut stream = watch(&server, "").await;
    end(store.as_ref(), &server, &user, &tokens).await;
    assert_eq!(session_of(&next_revocation(&mut stream).await.1), tokens.session_id);
    let request = IntrospectTokenRequest { token: tokens.access_token };
    let answer = server.tokens.clone().introspect_token(request).await.unwrap().into_inner();
    assert!(!answer.active);
}
