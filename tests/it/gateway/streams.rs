//! Streams of answers over Connect.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use rstest::rstest;
use serde_json::{Value, json};
use tonic::Code;

use super::{
    client::{begin, exchange, framed, request, take_frame},
    ways::of_connect,
};
use crate::{
    admin::official,
    harness::{Backend, Server, eventually, server::PASSWORD, soon},
    http::get,
};

const WATCH: &str = "/auth.v1.TokenService/WatchRevocations";

/// A stream of Connect in JSON.
pub struct Stream {
    body: Incoming,
    rest: Bytes,
}

impl Stream {
    pub async fn open(
        server: &Server,
        path: &str,
        headers: &[(&str, &str)],
        message: &Value,
    ) -> Self {
        let headers = [&[("content-type", "application/connect+json")], headers].concat();
        let body = framed(0, message.to_string().as_bytes());
        let answer = begin(server.http, request("POST", path, &headers, body)).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        assert_eq!(answer.headers()["content-type"], "application/connect+json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self { body: answer.into_body(), rest: Bytes::new() }
    }

    /// The next envelope: its flags and its message.
    pub async fn next(&mut self) -> (u8, Value) {
        loop {
            if let Some((flags, message)) = take_frame(&mut self.rest) {
                return (flags, serde_json::from_slice(&message).unwrap());
            }
            let frame = soon("an envelope", self.body.frame()).await.unwrap();
            let data = frame.unwrap().into_data().unwrap();
            self.rest = [&self.rest[..], &data[..]].concat().into();
        }
    }

    /// The next message that is no heartbeat.
    async fn next_of(&mut self, member: &str) -> Value {
        loop {
            let (flags, message) = self.next().await;
            assert_eq!(flags, 0, "{message}");
            if message.get(member).is_some() {
                return message;
            }
        }
    }

    /// Whether nothing follows.
    pub async fn ends_here(mut self) -> bool {
        self.rest.is_empty() && soon("the end", self.body.frame()).await.is_none()
    }
}

/// A stream of revocations.
pub async fn watch(server: &Server, headers: &[(&str, &str)]) -> Stream {
    Stream::open(server, WATCH, headers, &json!({})).await
}

#[rstest]
#[tokio::test]
async fn a_revocation_arrives_and_the_end_has_its_status(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    let mut stream = watch(&server, &[]).await;
    let (flags, first) = stream.next().await;
    assert_eq!((flags, first.get("revocation")), (0, None), "a heartbeat: that is all so far");
    server.logout(&tokens.refresh_token).await.unwrap();
    let told = stream.next_of("revocation").await;
    assert_eq!(told["revocation"]["sessionId"], tokens.session_id);
    assert!(told["revocation"]["expireTime"].as_str().unwrap().ends_with('Z'), "{told}");

    // It goes on from there.
    let cursor = json!({ "cursor": told["cursor"] });
    let mut again = Stream::open(&server, WATCH, &[], &cursor).await;
    assert_eq!(again.next().await.1.get("revocation"), None);
    drop(again);
    server.stop().await.unwrap();
    let (flags, end) = loop {
        let (flags, message) = stream.next().await;
        if flags != 0 {
            break (flags, message);
        }
    };
    assert_eq!(flags, 2, "{end}");
    if let Some(error) = end.get("error") {
        assert_eq!(of_connect(error).code, Code::Unavailable, "{end}");
    }
    assert!(stream.ends_here().await);
}

#[tokio::test]
async fn the_same_stream_is_there_in_protobuf() {
    use countersign::pb::WatchRevocationsResponse;
    use prost::Message as _;
    let server = Server::start(Backend::Sqlite).await;
    let tokens = server.session(&server.user(false).await).await;
    server.logout(&tokens.refresh_token).await.unwrap();
    let headers = [("content-type", "application/connect+proto"), ("connect-timeout-ms", "300")];
    let answer = exchange(server.http, request("POST", WATCH, &headers, framed(0, b""))).await;
    assert_eq!(answer.header("content-type"), "application/connect+proto");
    let mut body = answer.body.clone();
    let (flags, first) = take_frame(&mut body).unwrap();
    let first = WatchRevocationsResponse::decode(first).unwrap();
    assert!(flags == 0 && first.revocation.is_some(), "{first:?}");
    let mut last = None;
    while let Some(frame) = take_frame(&mut body) {
        last = Some(frame);
    }
    let (flags, end) = last.unwrap();
    let end: Value = serde_json::from_slice(&end).unwrap();
    assert_eq!((flags, of_connect(&end["error"]).code), (2, Code::DeadlineExceeded));
    assert!(body.is_empty());
}

#[tokio::test]
async fn who_goes_away_ends_the_stream() {
    let server = Server::start(Backend::Sqlite).await;
    let open = async |number: usize| {
        let line = format!("\ncountersign_revocation_streams {number}\n");
        eventually("the streams", async || get(server.http, "/metrics").await.1.contains(&line))
            .await;
    };
    let mut stream = watch(&server, &[]).await;
    stream.next().await;
    open(1).await;
    drop(stream);
    open(0).await;
}

/// The status is in the last envelope, and HTTP's is 200.
#[tokio::test]
async fn a_call_that_fails_at_once_says_so_in_its_only_envelope() {
    let server = Server::start(Backend::Sqlite).await;
    let tokens = server.session(&server.user(false).await).await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let end = async |path: &str, headers: &[(&str, &str)], body: Vec<u8>| {
        let headers = [&[("content-type", "application/connect+json")], headers].concat();
        let answer = exchange(server.http, request("POST", path, &headers, body)).await;
        assert_eq!((answer.status, answer.body[0]), (200, 2), "{answer:?}");
        let mut body = answer.body.clone();
        let (_, end) = take_frame(&mut body).unwrap();
        assert!(body.is_empty(), "{answer:?}");
        let end: Value = serde_json::from_slice(&end).unwrap();
        of_connect(&end["error"])
    };
    let whole = framed(0, b"{}");
    let watch_events = "/auth.v1.AdminService/WatchEvents";
    for (path, headers, code) in [
        (watch_events, &[][..], Code::Unauthenticated),
        (watch_events, &[("authorization", &*bearer)], Code::PermissionDenied),
        ("/auth.v1.AdminService/ExportUsers", &[], Code::Unauthenticated),
        ("/auth.v1.AccountService/ExportMe", &[], Code::Unauthenticated),
        ("/auth.v1.AccountService/ExportMe", &[("authorization", &*bearer)], Code::InvalidArgument),
        (WATCH, &[("connect-content-encoding", "gzip")], Code::Unimplemented),
        (WATCH, &[("connect-protocol-version", "2")], Code::InvalidArgument),
    ] {
        assert_eq!(end(path, headers, whole.clone()).await.code, code, "{path} {headers:?}");
    }
    let padded = |bytes: usize| {
        let message = b"{\"cursor\": \"x\"}";
        framed(0, &[&vec![b' '; bytes - message.len()], &message[..]].concat())
    };
    for (body, field) in [
        (Vec::new(), "body"),
        (whole[..whole.len() - 1].to_vec(), "body"),
        ([&whole[..], &whole[..]].concat(), "body"),
        (framed(1, b"{}"), "body"),
        (framed(2, b"{}"), "body"),
        (framed(0, b"[]"), "body"),
        (framed(0, b"{\"x\": 1}"), "x"),
        (framed(0, b"{\"cursor\": []}"), "cursor"),
        (framed(0, b"{\"cursor\": \"\", \"cursor\": \"\"}"), "cursor"),
        (framed(0, b"{\"cursor\": \"x\"}"), "cursor"),
        // The limit is that of the message.
        (padded(64 * 1024), "cursor"),
        (padded(64 * 1024 + 1), "body"),
    ] {
        let refused = end(WATCH, &[], body.clone()).await;
        assert_eq!(
            (refused.code, &refused.fields[..]),
            (Code::InvalidArgument, &[field.to_owned()][..]),
            "{body:?}"
        );
    }
}

#[tokio::test]
async fn a_user_exports_what_is_stored_about_them() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let (path, headers) = ("/auth.v1.AccountService/ExportMe", [("authorization", &*bearer)]);
    let mut parts = Stream::open(&server, path, &headers, &json!({ "password": PASSWORD })).await;
    let account = &parts.next_of("account").await["account"];
    assert_eq!((&account["id"], &account["email"]), (&json!(user.id), &json!(user.email)));
    let sessions = &parts.next_of("sessions").await["sessions"];
    assert_eq!(
        (&sessions[0]["id"], &sessions[0]["live"]),
        (&json!(tokens.session_id), &json!(true))
    );
    let events = &parts.next_of("events").await["events"];
    assert_eq!(events[0]["kind"], "data_exported", "the newest first");
    assert_eq!(parts.next().await, (2, json!({})));
    assert!(parts.ends_here().await);
    let mut refused = Stream::open(&server, path, &headers, &json!({ "password": "wrong" })).await;
    let (_, end) = refused.next().await;
    assert_eq!(of_connect(&end["error"]).code, Code::PermissionDenied);
}

#[tokio::test]
async fn an_administrator_follows_events_and_exports_users() {
    let server = Server::start(Backend::Sqlite).await;
    let (admin, tokens) = official(&server, "admin").await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let headers = [("authorization", &*bearer)];
    let mut events =
        Stream::open(&server, "/auth.v1.AdminService/WatchEvents", &headers, &json!({})).await;
    let user = server.user(false).await;
    loop {
        let told = events.next_of("event").await;
        if told["event"]["userId"] == user.id {
            break;
        }
    }
    let mut users =
        Stream::open(&server, "/auth.v1.AdminService/ExportUsers", &headers, &json!({})).await;
    let exported = users.next_of("users").await;
    let ids: Vec<_> =
        exported["users"].as_array().unwrap().iter().map(|user| &user["id"]).collect();
    assert_eq!(ids, [&json!(admin.id), &json!(user.id)]);
    loop {
        let (flags, message) = users.next().await;
        if flags == 2 {
            assert_eq!(message, json!({}), "the end of all is no error");
            break;
        }
    }
    assert!(users.ends_here().await);
}

/// A stream is not an answer that is too slow.
#[tokio::test]
async fn a_stream_goes_on_for_longer_than_an_answer_may_take() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.http_limits.answer_deadline = Duration::from_millis(100);
    })
    .await;
    let tokens = server.session(&server.user(false).await).await;
    let mut stream = watch(&server, &[]).await;
    stream.next().await;
    let begun = std::time::Instant::now();
    eventually("longer", async || begun.elapsed() > Duration::from_millis(500)).await;
    server.logout(&tokens.refresh_token).await.unwrap();
    let told = stream.next_of("revocation").await;
    assert_eq!(told["revocation"]["sessionId"], tokens.session_id);
}

#[tokio::test]
async fn what_streams_is_not_called_as_though_it_did_not_and_the_other_way_round() {
    let server = Server::start(Backend::Sqlite).await;
    let login = "/auth.v1.AuthService/Login";
    let import = "/auth.v1.AdminService/ImportUsers";
    for (path, media_type) in [
        (WATCH, "application/json"),
        (WATCH, "application/proto"),
        (WATCH, "application/connect+x"),
        (login, "application/connect+json"),
        (login, "application/connect+proto"),
        (login, "application/x"),
        (import, "application/json"),
        (import, "application/connect+json"),
    ] {
        let headers = [("content-type", media_type)];
        let answer = exchange(server.http, request("POST", path, &headers, framed(0, b"{}"))).await;
        assert_eq!(answer.status, 415, "{path} {media_type}");
    }
    for path in [WATCH, import] {
        let asked = request("GET", &format!("{path}?encoding=json&message=%7B%7D"), &[], "");
        let answer = exchange(server.http, asked).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{path}");
    }
}
