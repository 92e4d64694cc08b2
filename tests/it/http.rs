//! The HTTP side.

use std::time::Duration;

use countersign::pb::GetJwksRequest;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Backend, Server, eventually, server::PASSWORD, soon};

/// The head and the body of an answer.
pub async fn get(address: std::net::SocketAddr, path: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// Waits until that many calls of gRPC run.
pub async fn in_flight(address: std::net::SocketAddr, calls: usize) {
    let line = format!("\ngrpc_server_in_flight {calls}\n");
    eventually("the calls", async || get(address, "/metrics").await.1.contains(&line)).await;
}

#[tokio::test]
async fn the_key_set_is_the_one_that_grpc_gives_and_may_be_kept_for_a_while() {
    let server = Server::start(Backend::Sqlite).await;
    let (head, body) = get(server.http, "/.well-known/jwks.json").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("application/json"), "{head}");
    assert!(head.contains("cache-control: public, max-age=300"), "{head}");
    let grpc = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    assert_eq!(body.as_bytes(), grpc.jwks_json);
    let json: Value = serde_json::from_str(&body).unwrap();
    let (key, typed) = (&json["keys"][0], &grpc.keys[0]);
    assert_eq!((grpc.keys.len(), json["keys"].as_array().unwrap().len()), (1, 1));
    for (name, value) in [
        ("kid", &typed.kid),
        ("kty", &typed.kty),
        ("alg", &typed.alg),
        ("use", &typed.r#use),
        ("crv", &typed.crv),
        ("x", &typed.x),
        ("y", &typed.y),
    ] {
        assert_eq!(key[name], *value, "{name}");
    }
    assert_eq!(
        (typed.kty.as_str(), typed.alg.as_str(), typed.crv.as_str()),
        ("EC", "ES256", "P-256")
    );
    assert!(key.get("d").is_none() && typed.n.is_empty());
}

#[tokio::test]
async fn discovery_names_the_issuer_and_where_its_keys_are() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.access_tokens.issuer = "https://auth.example.com/".into();
    });
    let (_, body) = get(server.await.http, "/.well-known/openid-configuration").await;
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["issuer"], "https://auth.example.com/");
    assert_eq!(document["jwks_uri"], "https://auth.example.com/.well-known/jwks.json");
    assert_eq!(document["id_token_signing_alg_values_supported"], serde_json::json!(["ES256"]));
}

#[tokio::test]
async fn the_probes_tell_alive_from_ready() {
    let server = Server::start(Backend::Postgres).await;
    let ready = async || get(server.http, "/readyz").await.0.starts_with("http/1.1 200");
    eventually("ready", ready).await;
    server.database.set_away(true).await;
    eventually("not ready", async || {
        get(server.http, "/readyz").await.0.starts_with("http/1.1 503")
    })
    .await;
    assert!(get(server.http, "/livez").await.0.starts_with("http/1.1 200"));
    server.database.set_away(false).await;
    eventually("ready again", ready).await;
}

#[tokio::test]
async fn metrics_count_rpcs_by_method_and_code_and_invented_methods_make_no_series() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    server.login(&user.username, PASSWORD).await.unwrap();
    server.login(&user.username, "wrong password").await.unwrap_err();
    let mut client = tonic::client::Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = "/invented.by.Caller/Method".parse().unwrap();
    client.unary(tonic::Request::new(()), path, codec).await.unwrap_err();

    let login = r#"{grpc_service="auth.v1.AuthService",grpc_method="Login""#;
    let wanted = [
        format!(r#"grpc_server_handled_total{login},grpc_code="OK"}} 1"#),
        format!(r#"grpc_server_handled_total{login},grpc_code="UNAUTHENTICATED"}} 1"#),
        format!("grpc_server_handling_seconds_count{login}}} 2"),
        r#"grpc_server_handled_total{grpc_service="unknown",grpc_method="unknown",grpc_code="UNIMPLEMENTED"} 1"#.into(),
        "grpc_server_in_flight 0".into(),
        r#"countersign_database_connections{state="max"} 11"#.into(),
        format!(r#"countersign_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION")),
    ];
    // A call is counted when its last byte has been taken, a moment after its caller has the answer.
    eventually("the figures", async || {
        let (_, body) = get(server.http, "/metrics").await;
        assert!(!body.contains("invented"), "{body}");
        wanted.iter().all(|line| body.lines().any(|found| found == line))
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_sends_half_a_head_or_nothing_is_closed() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.http_limits.head_deadline = Duration::from_millis(50);
    })
    .await;
    for begun in ["", "GET /livez HTTP/1.1\r\nHost: loc"] {
        let mut socket = TcpStream::connect(server.http).await.unwrap();
        socket.write_all(begun.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // Closed in order or reset: either way it is over.
        let _closed = soon("closing", socket.read_to_end(&mut rest)).await;
    }
    assert!(get(server.http, "/livez").await.0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn with_all_places_taken_the_next_caller_waits_for_one() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.http_limits.max_connections = 1;
    })
    .await;
    let mut first = TcpStream::connect(server.http).await.unwrap();
    first.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(soon("an answer", first.read_u8()).await.unwrap(), b'H');
    {
        let mut waiting = std::pin::pin!(get(server.http, "/livez"));
        // Other callers are served meanwhile, so there was time for an answer.
        for _ in 0..20 {
            assert!(server.login("nobody", PASSWORD).await.is_err());
            assert!(futures_util::poll!(&mut waiting).is_pending());
        }
        drop(first);
        assert!(soon("an answer", waiting).await.0.starts_with("http/1.1 200"));
    }
}

#[tokio::test]
async fn at_the_end_a_connection_that_waits_for_its_next_request_is_closed() {
    let server = Server::start(Backend::Sqlite).await;
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    socket.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("alive\n") {
        answer.push(soon("an answer", socket.read_u8()).await.unwrap().into());
    }
    server.stop().await.unwrap();
    assert_eq!(soon("the end", socket.read_to_end(&mut Vec::new())).await.unwrap(), 0);
}
