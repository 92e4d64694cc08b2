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
    let answer = try_get(address, path).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

async fn try_get(address: std::net::SocketAddr, path: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
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
    // A busy machine may hold up a good caller for longer than that, too.
    eventually("an answer", async || {
        try_get(server.http, "/livez").await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    })
    .await;
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

/// As [`get`], of a connection that stays open, with more headers.
async fn ask(socket: &mut TcpStream, path: &str, headers: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(soon("an answer", socket.read_u8()).await.unwrap().into());
    }
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    soon("a body", socket.read_exact(&mut body)).await.unwrap();
    head + &String::from_utf8(body).unwrap()
}

/// What `promtool check metrics` takes (version 2.42): the text format 0.0.4, and no more.
fn assert_is_text_format(text: &str) {
    let mut family = ("", "");
    let mut families = std::collections::HashSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(families.insert(name) && !help.is_empty(), "{line}");
            family = (name, "");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, family.0, "its help comes before it");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            family.1 = kind;
        } else {
            assert!(!line.contains('#'), "neither an exemplar, nor a unit, nor an end: {line}");
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = sample.split('{').next().unwrap();
            let suffix = name.strip_prefix(family.0).unwrap_or_else(|| panic!("whose is {line}"));
            let parts = ["_bucket", "_sum", "_count"].contains(&suffix);
            assert!(if family.1 == "histogram" { parts } else { suffix.is_empty() }, "{line}");
        }
    }
    assert!(families.len() > 10, "{text}");
}

#[tokio::test]
async fn metrics_are_text_unless_openmetrics_is_asked_for() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    server.session(&user).await;
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    for accept in ["", "Accept: */*\r\n", "Accept: text/plain\r\n", "Accept: application/json\r\n"]
    {
        let answer = ask(&mut socket, "/metrics", accept).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
        assert!(head.contains("vary: accept"), "{head}");
        assert_is_text_format(body);
    }
    let prometheus = "Accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2\r\n";
    let answer = ask(&mut socket, "/metrics", prometheus).await;
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{answer}"
    );
    assert!(
        answer.ends_with("# EOF\n") && answer.contains("# TYPE countersign_build info"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_connection_waits_for_its_next_request_for_longer_than_for_the_rest_of_one() {
    let (head_deadline, keep_alive) = (Duration::from_millis(50), Duration::from_millis(400));
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        let limits = &mut environment.http_limits;
        (limits.head_deadline, limits.keep_alive) = (head_deadline, keep_alive);
    })
    .await;
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    let asked = std::time::Instant::now();
    assert!(!ask(&mut socket, "/livez", "").await.contains("connection: close"));
    assert_eq!(soon("the end", socket.read_to_end(&mut Vec::new())).await.unwrap(), 0);
    assert!(asked.elapsed() >= keep_alive, "{:?}", asked.elapsed());

    let mut socket = TcpStream::connect(server.http).await.unwrap();
    ask(&mut socket, "/livez", "").await;
    let asked = std::time::Instant::now();
    socket.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").await.unwrap();
    let _closed = soon("the end", socket.read_to_end(&mut Vec::new())).await;
    assert!(asked.elapsed() >= head_deadline, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn by_default_that_is_75_seconds_and_callers_are_told() {
    let server = Server::start(Backend::Sqlite).await;
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    for path in ["/livez", "/readyz", "/metrics", "/.well-known/jwks.json", "/nowhere"] {
        let answer = ask(&mut socket, path, "").await;
        assert!(answer.contains("keep-alive: timeout=75\r\n"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn the_last_answer_of_a_connection_says_that_it_is() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.http_limits.max_age = Duration::ZERO;
    })
    .await;
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    let answer = ask(&mut socket, "/livez", "").await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(!answer.contains("keep-alive"), "{answer}");
    assert_eq!(soon("the end", socket.read_to_end(&mut Vec::new())).await.unwrap(), 0);
}

/// Whoever is told so asks somebody else, and never sends a request into a connection that is being closed.
#[tokio::test]
async fn while_the_server_drains_every_answer_is_its_connections_last() {
    let mut server = Server::start_with(Backend::Sqlite, |config, _| {
        config.listen.drain_delay = Duration::from_secs(3600);
    })
    .await;
    let mut kept = TcpStream::connect(server.http).await.unwrap();
    assert!(!ask(&mut kept, "/livez", "").await.contains("connection: close"));
    drop(server.stop.take());
    eventually("the drain", async || {
        let mut socket = TcpStream::connect(server.http).await.unwrap();
        ask(&mut socket, "/readyz", "").await.starts_with("http/1.1 503")
    })
    .await;
    let new = TcpStream::connect(server.http).await.unwrap();
    for mut socket in [kept, new] {
        let answer = ask(&mut socket, "/livez", "").await;
        assert!(
            answer.starts_with("http/1.1 200") && answer.contains("connection: close"),
            "{answer}"
        );
        assert_eq!(soon("the end", socket.read_to_end(&mut Vec::new())).await.unwrap(), 0);
    }
}

/// It would keep its place for ever.
#[tokio::test]
async fn who_does_not_take_an_answer_is_closed() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.http_limits.answer_deadline = Duration::from_millis(100);
        environment.http_limits.max_connections = 1;
    })
    .await;
    let mut greedy = TcpStream::connect(server.http).await.unwrap();
    // So many that neither system's buffers hold the answers.
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2000);
    let _broken_off = soon("sending", greedy.write_all(&request)).await;
    assert!(soon("a place", get(server.http, "/livez")).await.0.starts_with("http/1.1 200"));
}
