//! ListEvents.

use countersign::{
    domain::{Actor, Event, EventKind, Timestamp},
    pb::{EventFilter, ListEventsRequest, ListEventsResponse, Tokens},
};
use prost_types::Timestamp as Time;
use rstest::rstest;
use rstest_reuse::apply;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{admin, refusal, user_with};
use crate::harness::{Backend, Server, on_both, server::bearer, soon};

async fn list(
    server: &Server,
    tokens: &Tokens,
    request: ListEventsRequest,
) -> Result<ListEventsResponse, Status> {
    let answer = soon("ListEvents", admin(server).list_events(bearer(tokens, request))).await;
    answer.map(tonic::Response::into_inner)
}

fn page(size: i32, token: &str, filter: &EventFilter) -> ListEventsRequest {
    let (page_token, filter) = (token.to_owned(), Some(filter.clone()));
    ListEventsRequest { page_size: size, page_token, filter }
}

/// The ids of all pages, and how many pages there were.
async fn all(
    server: &Server,
    tokens: &Tokens,
    size: i32,
    filter: &EventFilter,
) -> (Vec<String>, usize) {
    let (mut ids, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let answer = list(server, tokens, page(size, &token, filter)).await.unwrap();
        assert!(size == 0 || answer.events.len() <= usize::try_from(size).unwrap());
        ids.extend(answer.events.into_iter().map(|event| event.id));
        (token, pages) = (answer.next_page_token, pages + 1);
        if token.is_empty() {
            return (ids, pages);
        }
    }
}

/// Events of 2030, of two users and two kinds in turns, some of the same moment. The newest first.
async fn filled(server: &Server, number: u32) -> (Vec<Event>, [Uuid; 2]) {
    let store = server.database.store().await;
    let users = [Uuid::now_v7(), Uuid::now_v7()];
    let mut events = Vec::new();
    for place in 0..number {
        let kind = [EventKind::LoginFailed, EventKind::CodeFailed][(place % 2) as usize];
        let user = Some(users[(place / 2 % 2) as usize]);
        let at = Timestamp::from_unix_micros((1_893_456_000 + i64::from(place / 3)) * 1_000_000);
        let event = Event::of(kind, user, None, Actor::Operator, None, at);
        store.event_append(event.clone(), None).await.unwrap();
        events.push(event);
    }
    events.sort_by_key(|event| std::cmp::Reverse((event.at, event.id)));
    (events, users)
}

fn ids<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<String> {
    events.into_iter().map(|event| event.id.to_string()).collect()
}

/// All of 2030, so that what the test itself does is not among them.
fn of_2030() -> EventFilter {
    let time = |seconds| Some(Time { seconds, nanos: 0 });
    EventFilter { from: time(1_893_456_000), before: time(1_924_992_000), ..EventFilter::default() }
}

#[apply(on_both)]
#[tokio::test]
async fn pages_hold_every_event_once_the_newest_first_whatever_their_size(
    backend: Backend,
    #[values("admin", "admin.viewer")] role: &str,
) {
    let server = Server::start(backend).await;
    let (_, tokens) = user_with(&server, role).await;
    let (events, users) = filled(&server, 22).await;
    for size in [1, 2, 3, 7, 21, 22, 23, 0] {
        assert_eq!(all(&server, &tokens, size, &of_2030()).await.0, ids(&events), "{size}");
    }
    let (first, pages) = all(&server, &tokens, 22, &of_2030()).await;
    assert_eq!((first.len(), pages), (22, 1), "no page that is empty for nothing");
    let of_user = EventFilter { user_id: users[1].to_string(), ..of_2030() };
    let expected = ids(events.iter().filter(|event| event.user_id == Some(users[1])));
    assert_eq!(all(&server, &tokens, 4, &of_user).await.0, expected);
    let of_kind = EventFilter { kinds: vec!["code_failed".into()], ..of_user };
    let is_both =
        |event: &&Event| event.user_id == Some(users[1]) && event.kind == EventKind::CodeFailed;
    assert_eq!(all(&server, &tokens, 2, &of_kind).await.0, ids(events.iter().filter(is_both)));
    // From is in it, and before is not.
    let time = |seconds: i64| Some(Time { seconds: 1_893_456_000 + seconds, nanos: 0 });
    let range = EventFilter { from: time(2), before: time(4), ..EventFilter::default() };
    let (from, before) = (events[0].at.unix_seconds() - 7 + 2, events[0].at.unix_seconds() - 7 + 4);
    let within = |event: &&Event| (from..before).contains(&event.at.unix_seconds());
    assert_eq!(all(&server, &tokens, 2, &range).await.0, ids(events.iter().filter(within)));
}

#[apply(on_both)]
#[tokio::test]
async fn without_a_filter_the_newest_is_first_with_all_its_fields(backend: Backend) {
    let server = Server::start(backend).await;
    let (user, tokens) = user_with(&server, "admin").await;
    let listed = list(&server, &tokens, ListEventsRequest::default()).await.unwrap();
    let newest = &listed.events[0];
    assert_eq!((&*newest.kind, &newest.user_id), ("login_succeeded", &user.id));
    assert_eq!((&newest.session_id, &*newest.address), (&tokens.session_id, "127.0.0.1"));
    assert_eq!(listed.events[1].kind, "registered");
    assert_eq!((listed.events.len(), &*listed.next_page_token), (2, ""));
}

/// A rare kind among many others: a page looks at a thousand events, and says where to go on.
#[apply(on_both)]
#[tokio::test]
async fn a_page_of_a_rare_kind_looks_at_no_more_than_a_thousand_events(backend: Backend) {
    let server = Server::start(backend).await;
    let (_, tokens) = user_with(&server, "admin").await;
    let (numbers, id, at) = match backend {
        Backend::Sqlite => (
            "WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)",
            "randomblob(16)",
            "1893456000000000 + n",
        ),
        Backend::Postgres => (
            "WITH numbers (n) AS (SELECT generate_series(1, 2500))",
            "gen_random_uuid()",
            "CAST('2030-01-01 00:00:00Z' AS timestamptz) + n * INTERVAL '1 microsecond'",
        ),
    };
    let kind = "CASE WHEN n = 10 THEN 'app_added' ELSE 'login_failed' END";
    let fill = format!(
        "INSERT INTO events (id, kind, at) {numbers} SELECT {id}, {kind}, {at} FROM numbers"
    );
    server.database.run(&fill).await;
    let filter = EventFilter { kinds: vec!["app_added".into()], ..of_2030() };
    let first = list(&server, &tokens, page(50, "", &filter)).await.unwrap();
    assert!(first.events.is_empty() && !first.next_page_token.is_empty());
    let (found, pages) = all(&server, &tokens, 50, &filter).await;
    assert_eq!((found.len(), pages), (1, 3));
    assert_eq!(all(&server, &tokens, 5000, &of_2030()).await.1, 3, "a page has at most 1,000");
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let server = Server::start(Backend::Sqlite).await;
    let (_, tokens) = user_with(&server, "admin").await;
    let bad = async |request: ListEventsRequest| {
        let (code, reason, fields) = refusal(list(&server, &tokens, request).await);
        assert_eq!((code, &*reason), (Code::InvalidArgument, "INVALID_FIELD"));
        fields
    };
    let none = EventFilter::default();
    assert_eq!(bad(page(-1, "", &none)).await, ["page_size"]);
    for token in ["x", "AAAA", "%", &"A".repeat(2049)] {
        assert_eq!(bad(page(0, token, &none)).await, ["page_token"], "{token}");
    }
    for user in ["alice", "1", &"1".repeat(65)] {
        let filter = EventFilter { user_id: user.to_string(), ..EventFilter::default() };
        assert_eq!(bad(page(0, "", &filter)).await, ["user_id"], "{user}");
    }
    let many = EventFilter {
        kinds: vec!["login_failed".into(); EventKind::ALL.len() + 1],
        ..EventFilter::default()
    };
    assert_eq!(bad(page(0, "", &many)).await, ["kinds"]);
    for (seconds, nanos) in
        [(-1, 0), (253_402_300_800, 0), (i64::MAX, 0), (0, -1), (0, 1_000_000_000)]
    {
        let time = Some(Time { seconds, nanos });
        let filter = EventFilter { from: time, before: time, ..EventFilter::default() };
        assert_eq!(bad(page(0, "", &filter)).await, ["from", "before"], "{seconds} {nanos}");
    }
    let user_id = "alice".to_owned();
    let filter = EventFilter { user_id, kinds: vec!["x".into()], ..EventFilter::default() };
    assert_eq!(bad(page(-1, "", &filter)).await, ["page_size", "user_id", "kinds"]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_token_of_another_list_or_changed_by_a_bit_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let (_, tokens) = user_with(&server, "admin").await;
    let (_, users) = filled(&server, 8).await;
    let filter = of_2030();
    let token = list(&server, &tokens, page(2, "", &filter)).await.unwrap().next_page_token;
    assert!(list(&server, &tokens, page(5, &token, &filter)).await.is_ok(), "another size");
    let refused = async |token: &str, filter: &EventFilter| {
        let answer = list(&server, &tokens, page(2, token, filter)).await;
        assert_eq!(refusal(answer).2, ["page_token"], "{token} {filter:?}");
    };
    let other = |change: fn(&mut EventFilter, Uuid)| {
        let mut filter = of_2030();
        change(&mut filter, users[0]);
        filter
    };
    for filter in [
        EventFilter::default(),
        other(|filter, user| filter.user_id = user.to_string()),
        other(|filter, _| filter.kinds = vec!["login_failed".into()]),
        other(|filter, _| filter.from = None),
        other(|filter, _| filter.before = None),
    ] {
        refused(&token, &filter).await;
    }
    for place in (0..token.len()).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[place] ^= 1;
        refused(&String::from_utf8(changed).unwrap(), &filter).await;
    }
}
