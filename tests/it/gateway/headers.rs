//! Headers of requests and answers.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{
    Refused,
    client::{exchange, request},
    good, login, post, refused,
    ways::Way,
};
use crate::harness::{
    Backend, Server, logs,
    oauth::ask,
    server::{PASSWORD, registration},
    unique,
};

#[tokio::test]
async fn the_request_id_comes_back_and_is_the_one_of_the_log() {
    let server = Server::start(Backend::Sqlite).await;
    for (path, body) in [
        ("/v1/sessions:login", login("nobody", PASSWORD)),
        ("/v1/sessions:login", json!([])),
        ("/auth.v1.AuthService/Login", login("nobody", PASSWORD)),
        ("/auth.v1.AuthService/Login", json!([])),
    ] {
        let given = unique("edge");
        let answer = post(&server, path, &format!("X-Request-Id: {given}\r\n"), &body).await;
        assert_eq!(answer.header("x-request-id"), given, "{path} {body}");
        if path.starts_with("/v1") {
            refused(&answer);
        }
        if body.is_object() {
            let is_rpc = |line: &serde_json::Value| line["message"] == "rpc";
            let found = async || logs::events_with(&given).iter().any(is_rpc);
            crate::harness::eventually("the line", found).await;
            let lines = logs::events_with(&given);
            let calls: Vec<_> = lines.iter().filter(|line| is_rpc(line)).collect();
            assert_eq!(calls.len(), 1, "{lines:?}");
            assert_eq!(
                (&calls[0]["service"], &calls[0]["method"], &calls[0]["code"]),
                (&json!("auth.v1.AuthService"), &json!("Login"), &json!("UNAUTHENTICATED"))
            );
        }
    }
    for insane in ["two words", &"a".repeat(200), "a;b"] {
        let header = format!("X-Request-Id: {insane}\r\n");
        let answer = post(&server, "/v1/sessions:login", &header, &json!({})).await;
        assert!(Uuid::try_parse(answer.header("x-request-id")).is_ok(), "{insane}");
        refused(&answer);
    }
    let headers = [("content-type", "application/grpc-web+proto"), ("x-request-id", "edge-web")];
    let body = super::client::framed(0, b"");
    let asked = request("POST", "/auth.v1.TokenService/GetJwks", &headers, body);
    assert_eq!(exchange(server.http, asked).await.header("x-request-id"), "edge-web");
}

#[tokio::test]
async fn who_has_to_wait_is_told_how_long() {
    let server = Server::start(Backend::Sqlite).await;
    server.clock.stop();
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let body = json!({ "challengeId": challenge.challenge_id });
    let answer = post(&server, "/v1/sessions:resendCode", "", &body).await;
    assert_eq!(refused(&answer), Refused::of(429, "THROTTLED", &[]));
    let rest: u64 = answer.header("retry-after").parse().unwrap();
    let answer = post(&server, "/auth.v1.AuthService/ResendCode", "", &body).await;
    assert_eq!(answer.status, 429);
    let connect: u64 = answer.header("retry-after").parse().unwrap();
    assert_eq!(rest, connect);
    server.clock.advance(Duration::from_secs(rest));
    good(&post(&server, "/v1/sessions:resendCode", "", &body).await);
}

#[tokio::test]
async fn without_its_database_the_service_says_when_to_come_back() {
    let server = Server::start(Backend::Postgres).await;
    server.database.set_away(true).await;
    let answer = post(&server, "/v1/sessions:login", "", &login("alice", PASSWORD)).await;
    assert_eq!(refused(&answer), Refused::of(503, "STORE_UNAVAILABLE", &[]));
    assert_eq!(answer.header("retry-after"), "1");
    server.database.set_away(false).await;
}

#[tokio::test]
async fn a_defect_tells_nothing() {
    let server = Server::start(Backend::Sqlite).await;
    server.database.run("ALTER TABLE users RENAME TO lost").await;
    let answer = post(&server, "/v1/sessions:login", "", &login("alice", PASSWORD)).await;
    assert_eq!(refused(&answer), Refused::of(500, "INTERNAL", &[]));
    assert_eq!(answer.json()["message"], "internal error");
    let body = login("alice", PASSWORD);
    let found = Way::ConnectJson.call(&server, "AuthService/Login", &body, &[]).await;
    assert_eq!(found.unwrap_err().reason, "INTERNAL");
}

/// Who calls is proved by the connection, and how long by Connect's own header or gRPC's.
#[tokio::test]
async fn no_header_of_a_request_is_one_of_the_call_but_those_that_are_meant() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.register(registration(false)).await.unwrap();
    for headers in [
        "X-Auth-User: admin\r\nX-Forwarded-Client-Cert: By=x\r\nGrpc-Metadata-X: y\r\n",
        "Content-Type: text/plain\r\n",
        "Te: gzip\r\nGrpc-Encoding: gzip\r\nGrpc-Accept-Encoding: gzip\r\n",
    ] {
        let json = if headers.starts_with("Content") { "" } else { super::JSON };
        let body = login(&user.username, PASSWORD).to_string();
        let answer =
            ask(&server, "POST", "/v1/sessions:login", &format!("{json}{headers}"), &body).await;
        let expected = if json.is_empty() { 415 } else { 200 };
        assert_eq!(answer.status, expected, "{headers}: {answer:?}");
    }
}
