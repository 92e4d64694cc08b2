//! gRPC and HTTP at one address.

use std::{net::SocketAddr, path::Path, time::Duration};

use countersign::{
    listen::Address,
    pb::{GetJwksRequest, token_service_client::TokenServiceClient},
};
use http_body_util::BodyExt as _;
use hyper::{Request, StatusCode, body::Bytes};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::UnixStream,
};
use tonic::{body::Body, transport::Channel};
use tower::{Service as _, ServiceExt as _};

use super::{
    authority::Authority,
    client::{ANY, Client, check},
    server::{Folder, Served, serve_with},
    unix::channel,
};
use crate::harness::soon;

/// A server with one address for both.
async fn serve(path: &Path) -> Served {
    serve_with(|config, _| {
        config.listen.grpc = Address::Unix(path.to_owned());
        config.listen.http = Address::Unix(path.to_owned());
    })
    .await
}

fn body(text: &'static str) -> Body {
    Body::new(http_body_util::Full::new(Bytes::from_static(text.as_bytes())))
}

fn introspection() -> Request<Body> {
    Request::post("http://localhost/v1/tokens:introspect")
        .header("content-type", "application/json")
        .body(body(r#"{"token": "none"}"#))
        .unwrap()
}

/// Over HTTP/1.1, with a connection of its own.
async fn http1(path: &Path, request: Request<Body>) -> (StatusCode, String) {
    http1_over(UnixStream::connect(path).await.unwrap(), request).await
}

async fn http1_over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    mut request: Request<Body>,
) -> (StatusCode, String) {
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    *request.uri_mut() = request.uri().path().parse().unwrap();
    let (head, body) = client.send_request(request).await.unwrap().into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    connection.abort();
    (head.status, String::from_utf8(text.to_vec()).unwrap())
}

/// Over the connection of gRPC.
async fn http2(channel: &mut Channel, request: Request<Body>) -> (StatusCode, String) {
    let answer = channel.ready().await.unwrap().call(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    (head.status, String::from_utf8(text.to_vec()).unwrap())
}

#[tokio::test]
async fn each_version_of_http_speaks_grpc_or_json_at_one_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.sock");
    let _server = serve(&path).await;
    let mut channel = channel(&path).await;
    check(channel.clone()).await.unwrap();
    let mut tokens = TokenServiceClient::new(channel.clone());
    assert!(!tokens.get_jwks(GetJwksRequest {}).await.unwrap().into_inner().keys.is_empty());

    let inactive = (StatusCode::OK, "{}".to_owned());
    assert_eq!(http2(&mut channel, introspection()).await, inactive);
    assert_eq!(http1(&path, introspection()).await, inactive);
    let get = |path: &str| Request::get(format!("http://localhost{path}")).body(Body::default());
    assert_eq!(http2(&mut channel, get("/livez").unwrap()).await.0, StatusCode::OK);
    assert_eq!(http1(&path, get("/v1/me").unwrap()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(http2(&mut channel, get("/v1/nothing").unwrap()).await.0, StatusCode::NOT_FOUND);
    check(channel).await.unwrap();
}

/// A port that was free just now, of an address that nothing else binds: only by its port can two settings name one.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.77:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn with_tls_the_version_is_agreed_in_the_handshake_or_told_by_the_first_bytes() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), None);
    let address = free_address();
    let server = serve_with(|config, _| {
        config.listen.grpc = Address::Tcp(address);
        config.listen.http = Address::Tcp(address);
        config.listen.grpc_tls = Some(folder.files.clone());
        config.listen.http_tls = Some(folder.files.clone());
    })
    .await;
    assert_eq!((server.grpc(), server.http()), (address, address));
    let client = |protocols: &[&[u8]]| Client::speaking(&authority, None, ANY, protocols);
    let inactive = (StatusCode::OK, "{}".to_owned());
    for (offered, agreed) in [
        (&[b"h2" as &[u8]][..], Some(&b"h2"[..])),
        (&[b"h2", b"http/1.1"], Some(b"h2")),
        (&[b"http/1.1", b"h2"], Some(b"h2")),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let client = client(offered);
        assert_eq!(client.shake(address).await.unwrap().alpn.as_deref(), agreed, "{offered:?}");
        if agreed != Some(b"http/1.1") {
            let mut channel = client.channel(address).await.unwrap();
            check(channel.clone()).await.unwrap();
            assert_eq!(http2(&mut channel, introspection()).await, inactive, "{offered:?}");
        }
        if agreed != Some(b"h2") {
            let stream = client.connect(address).await.unwrap();
            assert_eq!(http1_over(stream, introspection()).await, inactive, "{offered:?}");
        }
    }
}

/// The answers of HTTP/1.1 are no frames: what they look like must not be counted as requests that HTTP/2 refused.
#[tokio::test]
async fn answers_over_http_1_count_as_no_malformed_requests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.sock");
    let _server = serve(&path).await;
    for _ in 0..3 {
        assert_eq!(http1(&path, introspection()).await.0, StatusCode::OK);
    }
    let metrics = Request::get("http://localhost/metrics").body(Body::default()).unwrap();
    let (_, metrics) = http1(&path, metrics).await;
    let malformed = metrics.lines().find(|line| line.starts_with(MALFORMED));
    assert_eq!(malformed, Some(format!("{MALFORMED} 0").as_str()), "{metrics}");
}

/// Over HTTP/1.1 the trailers of gRPC, and the status in them, would be lost.
#[tokio::test]
async fn grpc_takes_http_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.sock");
    let _server = serve(&path).await;
    let call = Request::post("http://localhost/auth.v1.TokenService/GetJwks")
        .header("content-type", "application/grpc")
        .body(body("\0\0\0\0\0"))
        .unwrap();
    assert_eq!(http1(&path, call).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// Here no timer of the connection's phases runs.
#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.sock");
    let _server = serve_with(|config, environment| {
        config.listen.grpc = Address::Unix(path.clone());
        config.listen.http = Address::Unix(path.clone());
        environment.http_limits.answer_deadline = Duration::from_millis(100);
    })
    .await;
    let mut socket = UnixStream::connect(&path).await.unwrap();
    let head = b"POST /v1/sessions:login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    socket.write_all(head).await.unwrap();
    let mut answer = String::new();
    soon("the end", socket.read_to_string(&mut answer)).await.unwrap();
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 408") && answer.contains("connection: close"), "{answer}");
}

const MALFORMED: &str = "countersign_grpc_malformed_requests_total";
