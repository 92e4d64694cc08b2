//! How long a caller waits.

use serde_json::json;
use tonic::Code;

use super::{
    client::{exchange, framed, request},
    post, refused,
    streams::watch,
    ways::{Way, of_connect},
};
use crate::harness::{Backend, Server, oauth::bearer_header, server::PASSWORD};

#[tokio::test]
async fn the_callers_deadline_ends_a_call_that_hangs() {
    let server = Server::start(Backend::Postgres).await;
    let tokens = server.session(&server.user(false).await).await;
    let lock = server.database.lock("sessions").await;
    let bearer = format!("Bearer {}", tokens.access_token);
    for (way, header) in [
        (Way::ConnectJson, ("connect-timeout-ms", "50")),
        (Way::ConnectProto, ("connect-timeout-ms", "50")),
        (Way::Rest, ("grpc-timeout", "50m")),
        (Way::GrpcWeb, ("grpc-timeout", "50m")),
    ] {
        let headers = [("authorization", &*bearer), header];
        let found = way.call(&server, "AccountService/GetMe", &json!({}), &headers).await;
        let found = found.unwrap_err();
        assert_eq!(
            (found.code, &*found.reason),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            "{way:?}"
        );
    }
    let headers = format!("{}Connect-Timeout-Ms: 50\r\n", bearer_header(&tokens.access_token));
    let answer = post(&server, "/auth.v1.AccountService/GetMe", &headers, &json!({})).await;
    assert_eq!((answer.status, &answer.json()["code"]), (504, &json!("deadline_exceeded")));
    drop(lock);
    assert!(server.me(&tokens).await.is_ok());
}

#[tokio::test]
async fn a_stream_ends_at_its_callers_deadline_and_says_so() {
    let server = Server::start(Backend::Sqlite).await;
    let mut stream = watch(&server, &[("connect-timeout-ms", "300")]).await;
    let error = loop {
        match stream.next().await {
            (0, _heartbeat) => {}
            (2, end) => break of_connect(&end["error"]),
            (flags, end) => panic!("{flags} {end}"),
        }
    };
    assert_eq!((error.code, &*error.reason), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    assert!(stream.ends_here().await);
}

#[tokio::test]
async fn a_timeout_that_is_none_is_refused() {
    let server = Server::start(Backend::Sqlite).await;
    for timeout in ["", "x", "-1", "1.5", "1s", "12345678901"] {
        let header = format!("Connect-Timeout-Ms: {timeout}\r\n");
        let login = json!({ "username": "nobody", "password": PASSWORD });
        let answer = post(&server, "/auth.v1.AuthService/Login", &header, &login).await;
        let verdict = of_connect(&answer.json());
        assert_eq!(
            (answer.status, &verdict.fields[..]),
            (400, &["connect-timeout-ms".to_owned()][..])
        );
        // A stream says all that it says in its envelopes.
        let headers =
            [("content-type", "application/connect+json"), ("connect-timeout-ms", timeout)];
        let asked =
            request("POST", "/auth.v1.TokenService/WatchRevocations", &headers, framed(0, b"{}"));
        let answer = exchange(server.http, asked).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/connect+json")
        );
        assert_eq!(answer.body[0], 2, "{answer:?}");
        let end: serde_json::Value = serde_json::from_slice(&answer.body[5..]).unwrap();
        assert_eq!(of_connect(&end["error"]).fields, ["connect-timeout-ms"]);
    }
    // It is Connect's alone.
    let header = "Connect-Timeout-Ms: x\r\n";
    let answer = post(&server, "/v1/sessions:login", header, &json!({})).await;
    assert_eq!(refused(&answer).reason, "INVALID_FIELD");
    assert!(!answer.body.contains("connect-timeout-ms"));
}
