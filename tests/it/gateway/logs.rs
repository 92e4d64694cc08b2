//! What is logged and counted of calls over HTTP: routes, and nothing that callers have written.

use rstest::rstest;
use serde_json::json;

use super::{
    JSON,
    client::{exchange, framed, request},
};
use crate::{
    harness::{
        Backend, Database, Server,
        command::Running,
        eventually,
        oauth::{ask, ask_at, bearer_header},
    },
    http::get,
    process::serve,
};

#[tokio::test]
async fn requests_are_counted_by_the_templates_of_their_paths() {
    let server = Server::start(Backend::Sqlite).await;
    for (method, path) in [
        ("GET", "/v1/me"),
        ("GET", "/v1/users/canary-1"),
        ("PATCH", "/v1/users/canary-2"),
        ("DELETE", "/v1/me/sessions/canary-3"),
        ("POST", "/v1/users/canary-4:unlock"),
        ("GET", "/v1/users/canary-5/sessions"),
        ("GET", "/v1/canary-6"),
        ("POST", "/canary.v1.Service/Canary"),
        ("POST", "/auth.v1.AuthService/Login"),
        ("GET", "/v1/users?canary=7"),
        ("CANARY", "/v1/me"),
    ] {
        ask(&server, method, path, JSON, "").await;
    }
    let wanted = [
        ("GET", "/v1/me", 401),
        ("GET", "/v1/users/{id}", 401),
        ("PATCH", "/v1/users/{id}", 401),
        ("DELETE", "/v1/me/sessions/{session_id}", 401),
        ("POST", "/v1/users/{id}:unlock", 401),
        ("GET", "/v1/users/{user_id}/sessions", 401),
        ("GET", "unknown", 404),
        ("POST", "unknown", 404),
        ("POST", "/auth.v1.AuthService/Login", 400),
        ("GET", "/v1/users", 400),
        ("unknown", "/v1/me", 405),
    ]
    .map(|(method, route, status)| {
        // Of the rules at one path the first one's template is told.
        let route = if method == "PATCH" { "/v1/users/{" } else { route };
        (
            format!("http_request_method=\"{method}\",http_route=\"{route}"),
            format!("http_response_status_code=\"{status}\"}} 1"),
        )
    });
    eventually("the figures", async || {
        let (_, body) = get(server.http, "/metrics").await;
        assert!(!body.to_lowercase().contains("canary"), "{body}");
        let count = "http_server_request_duration_seconds_count{";
        wanted.iter().all(|(labels, status)| {
            body.lines().any(|line| {
                line.starts_with(count) && line.contains(labels) && line.ends_with(status)
            })
        })
    })
    .await;
}

/// The line of the RPC, or, where none was reached, that of HTTP.
#[tokio::test]
async fn each_call_of_an_rpc_leaves_one_line() {
    let database = Database::new(Backend::Sqlite).await;
    let mut running = Running::start(serve(&database));
    let (login, watch) = ("/auth.v1.AuthService/Login", "/auth.v1.TokenService/WatchRevocations");
    let (events, json) = ("/auth.v1.AdminService/WatchEvents", "application/json");
    let (stream, web) = ("application/connect+json", "application/grpc-web+proto");
    let calls: [(&str, &str, &[u8], &str); 12] = [
        ("/v1/sessions:login", json, b"{}", "rpc"),
        ("/v1/sessions:login", json, b"{", "http"),
        ("/v1/sessions:login", "text/plain", b"{}", "http"),
        ("/v1/me", json, b"{}", "http"),
        (login, json, b"{}", "rpc"),
        (login, json, b"[]", "http"),
        (login, web, &[0; 5], "rpc"),
        (login, web, &[0; 130 * 1024], "http"),
        (events, stream, &framed(0, b"{}"), "rpc"),
        (watch, stream, &framed(0, b"{\"cursor\": \"x\"}"), "rpc"),
        (watch, stream, b"", "http"),
        (watch, stream, &framed(0, b"{"), "http"),
    ];
    for (number, (path, media_type, body, _)) in calls.iter().enumerate() {
        let id = format!("one-line-{number}-");
        let headers = [("content-type", *media_type), ("x-request-id", &id)];
        exchange(running.http, request("POST", path, &headers, body.to_vec())).await;
    }
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);
    for (number, (path, media_type, _, line)) in calls.iter().enumerate() {
        let id = format!("one-line-{number}-");
        let lines: Vec<_> = running.logged.lines().filter(|line| line.contains(&id)).collect();
        let target = format!("countersign::{line}: ");
        assert!(
            matches!(lines[..], [only] if only.contains(&target)),
            "{number} {path} {media_type}: {lines:?}"
        );
    }
}

/// Everything that callers can write, in every place and protocol, with the log turned all the way up.
#[rstest]
#[tokio::test]
async fn nothing_that_callers_write_is_logged_or_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_LOG", "trace");
    let mut running = Running::start(command);
    let register = json!({
        "username": "alice", "email": "alice@example.com", "password": "canary passphrase",
    });
    let login = json!({ "username": "alice", "password": "canary passphrase" });
    let ask = async |method: &str, path: &str, headers: &str, body: String| {
        ask_at(running.http, method, path, headers, &body).await
    };
    ask("POST", "/v1/users:register", JSON, register.to_string()).await;
    let tokens = ask("POST", "/v1/sessions:login", JSON, login.to_string()).await.json();
    let tokens = &tokens["tokens"];
    let secrets = ["accessToken", "refreshToken", "deviceToken"]
        .map(|name| tokens[name].as_str().unwrap().to_owned());
    let bearer = bearer_header(&secrets[0]);
    ask("GET", "/v1/me", &bearer, String::new()).await;
    for path in [
        "/v1/users/canary-id",
        "/v1/users/canary-id/sessions?canary=canary",
        "/v1/users?filter.role=canary",
        "/v1/canary",
        "/canary.Canary/Canary",
        "/auth.v1.AccountService/GetMe?encoding=json&message=%7B%22canary%22:1%7D",
    ] {
        for headers in [&*bearer, &bearer_header("canary-token"), "Canary: canary\r\n"] {
            ask("GET", path, headers, String::new()).await;
        }
    }
    let values = [
        "{\"password\": \"canary\"}",
        "{\"canary\": 1}",
        "{\"password\": [\"canary\"]}",
        "canary",
        "[\"canary\"]",
    ];
    for path in [
        "/v1/sessions:login",
        "/v1/users:register",
        "/auth.v1.AuthService/Login",
        "/v1/users/canary:unlock",
    ] {
        for body in values {
            ask("POST", path, &format!("{JSON}{bearer}"), body.to_owned()).await;
            ask("POST", path, "Content-Type: text/canary\r\n", body.to_owned()).await;
            let headers =
                format!("{JSON}Connect-Timeout-Ms: canary\r\nContent-Encoding: canary\r\n");
            ask("POST", path, &headers, body.to_owned()).await;
        }
    }
    for (path, media_type, body) in [
        ("/auth.v1.AuthService/Login", "application/proto", b"\x12\x06canary".to_vec()),
        ("/auth.v1.AuthService/Login", "application/grpc-web+proto", framed(0, b"\x12\x06canary")),
        ("/auth.v1.AuthService/Canary", "application/grpc-web+proto", framed(0, b"\x12\x06canary")),
        ("/canary.Canary/Canary", "application/grpc-web-text", b"canary".to_vec()),
        (
            "/auth.v1.TokenService/WatchRevocations",
            "application/connect+json",
            framed(0, b"{\"canary\": 1}"),
        ),
        (
            "/auth.v1.TokenService/WatchRevocations",
            "application/connect+proto",
            framed(0, b"\x0a\x06canary"),
        ),
    ] {
        exchange(running.http, request("POST", path, &[("content-type", media_type)], body)).await;
    }
    let (_, metrics) = get(running.http, "/metrics").await;
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);
    assert!(running.logged.contains("/v1/users/{id}"), "routes are logged: {}", running.logged);
    let signature = secrets[0].rsplit('.').next().unwrap();
    for text in [&running.logged, &metrics] {
        let holds = |line: &&str| {
            let line = line.to_lowercase();
            line.contains("canary")
        };
        let line = text.lines().find(holds);
        assert!(line.is_none(), "{line:?}");
        for secret in secrets.iter().map(String::as_str).chain([signature]) {
            assert!(!text.contains(secret));
        }
    }
}
