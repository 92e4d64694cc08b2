//! What callers get wrong below any handler: requests that a well-made client would never send. None of it is INTERNAL, which
//! would be a defect of ours, neither to the caller nor in the metrics.

use std::io::Write as _;

use countersign::pb::LoginRequest;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use prost::Message as _;
use rstest::rstest;
use tonic::{Code, Status, body::Body, codec::CompressionEncoding};
use tower::{Service as _, ServiceExt as _};

use crate::harness::{
    Backend, Server, eventually, reason,
    server::{PASSWORD, registration},
    soon, violations,
};
use crate::http::get;

const LOGIN: &str = "/auth.v1.AuthService/Login";
const MAX_REQUEST: usize = 64 * 1024;

/// One of each kind of service, a stream, and one whose request has no fields.
const PATHS: [&str; 4] = [
    LOGIN,
    "/auth.v1.TokenService/GetJwks",
    "/auth.v1.TokenService/WatchRevocations",
    "/grpc.health.v1.Health/Check",
];

/// A message as gRPC frames it: whether it is compressed, its length, itself.
pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

pub fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn request(path: &str, body: Vec<u8>) -> Request<Body> {
    let head =
        Request::post(path).header(CONTENT_TYPE, "application/grpc").header("te", "trailers");
    head.body(Body::new(Full::from(body))).unwrap()
}

fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// One message that is said to be compressed with gzip.
pub fn gzip(path: &str, message: &[u8]) -> Request<Body> {
    with(request(path, framed(1, message)), "grpc-encoding", "gzip")
}

/// The HTTP status, the headers, and the gRPC status wherever it is.
pub async fn send(server: &Server, request: Request<Body>) -> (StatusCode, HeaderMap, Status) {
    let mut channel = server.channel.clone();
    let answer = async { channel.ready().await.unwrap().call(request).await.unwrap() };
    let (head, body) = soon("an answer", answer).await.into_parts();
    let trailers = soon("its end", body.collect()).await.unwrap().trailers().cloned();
    let status = Status::from_header_map(&head.headers);
    let status = status.or_else(|| Status::from_header_map(&trailers?));
    (head.status, head.headers, status.unwrap())
}

/// Sends what must be refused as a bad field, which the answer names.
async fn refused(server: &Server, case: &str, request: Request<Body>, field: &str) -> StatusCode {
    let path = request.uri().path().to_owned();
    let (http, _, status) = send(server, request).await;
    assert_eq!(
        (status.code(), reason(&status), violations(&status)),
        (Code::InvalidArgument, "INVALID_FIELD".into(), vec![field.to_owned()]),
        "{path}, {case}: {status:?}"
    );
    http
}

async fn figures(server: &Server) -> String {
    get(server.http, "/metrics").await.1
}

/// Waits until a call is counted, and looks whether any was INTERNAL.
async fn counted(server: &Server, rpc: &str, code: &str) {
    let line = format!(r#"grpc_method="{rpc}",grpc_code="{code}""#);
    eventually("the count", async || figures(server).await.contains(&line)).await;
    let figures = figures(server).await;
    assert!(!figures.contains("INTERNAL"), "{figures}");
}

fn method(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[rstest]
#[tokio::test]
async fn a_body_that_is_no_message_is_a_bad_request(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let zip = zipped(&[7; 100]);
    for path in PATHS {
        let plain = |body: Vec<u8>| request(path, body);
        for (case, sent) in [
            ("nothing", plain(Vec::new())),
            ("half a prefix", plain(vec![0, 0, 0])),
            ("half a message", plain(framed(0, &[7; 100])[..50].to_vec())),
            ("a flag that there is not", plain(framed(2, &[]))),
            ("compressed, but not how", plain(framed(1, &zip))),
            ("compressed as identity", with(plain(framed(1, &zip)), "grpc-encoding", "identity")),
            ("not gzip", gzip(path, b"not gzip at all")),
            ("half a gzip", gzip(path, &zip[..zip.len() / 2])),
            ("no bytes of gzip", gzip(path, &[])),
            ("not protobuf", plain(framed(0, &[0xFF; 20]))),
            ("not protobuf, gzip", gzip(path, &zipped(&[0xFF; 20]))),
            ("too large", plain(framed(0, &vec![0; MAX_REQUEST + 1]))),
        ] {
            assert_eq!(refused(&server, case, sent, "request").await, StatusCode::OK);
        }
        counted(&server, method(path), "INVALID_ARGUMENT").await;
    }
}

/// Texts are UTF-8 (proto3), and the answer says which one is not.
#[rstest]
#[tokio::test]
async fn a_text_that_is_not_utf8_is_a_bad_field(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for (path, number, field) in [
        (LOGIN, 1, "username"),
        (LOGIN, 2, "password"),
        ("/auth.v1.AuthService/Register", 5, "request_id"),
        ("/grpc.health.v1.Health/Check", 1, "request"),
    ] {
        // The tag of a text, its length, and a byte that begins no character.
        let message = framed(0, &[number << 3 | 2, 1, 0xFF]);
        refused(&server, "not UTF-8", request(path, message), field).await;
    }
    counted(&server, "Login", "INVALID_ARGUMENT").await;
}

#[rstest]
#[tokio::test]
async fn what_is_not_sent_as_grpc_is_refused_in_http_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for path in PATHS.into_iter().chain(["/invented.by.Caller/Method"]) {
        for format in
            ["application/json", "application/grpc-web+proto", "application/grpc+json", ""]
        {
            let sent = with(request(path, framed(0, &[])), "content-type", format);
            let http = refused(&server, format, sent, "content-type").await;
            assert_eq!(http, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let mut sent = request(path, framed(0, &[]));
        sent.headers_mut().remove(CONTENT_TYPE);
        refused(&server, "no content type", sent, "content-type").await;
        for method in [Method::GET, Method::PUT, Method::OPTIONS] {
            let mut sent = request(path, Vec::new());
            *sent.method_mut() = method.clone();
            let http = refused(&server, method.as_str(), sent, ":method").await;
            assert_eq!(http, StatusCode::METHOD_NOT_ALLOWED);
        }
    }
    let html = with(request(LOGIN, Vec::new()), "content-type", "text/html");
    assert_eq!(send(&server, html).await.1[CONTENT_TYPE], "application/grpc");
    let proto = with(request(LOGIN, framed(0, &[])), "content-type", "application/grpc+proto");
    assert_eq!(violations(&send(&server, proto).await.2), ["username", "password"]);
    counted(&server, "unknown", "INVALID_ARGUMENT").await;
    let figures = figures(&server).await;
    assert!(!figures.contains("invented"), "a caller's words are a series: {figures}");
}

#[rstest]
#[tokio::test]
async fn metadata_that_is_too_large_is_a_bad_field(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for path in PATHS {
        for kilobytes in [17, 40, 100] {
            let large = "x".repeat(kilobytes * 1024);
            let sent = with(request(path, framed(0, &[])), "x-large", &large);
            refused(&server, "one large header", sent, "metadata").await;
        }
        let mut sent = request(path, framed(0, &[]));
        for number in 0..500 {
            let name = HeaderName::try_from(format!("x-{number}")).unwrap();
            sent.headers_mut().insert(name, "small".parse().unwrap());
        }
        refused(&server, "many small headers", sent, "metadata").await;
        counted(&server, method(path), "INVALID_ARGUMENT").await;
    }
    let sent = with(request(LOGIN, framed(0, &[])), "x-large", &"x".repeat(15 * 1024));
    let (_, _, status) = send(&server, sent).await;
    assert_eq!(violations(&status), ["username", "password"], "it is read: {status:?}");
}

#[rstest]
#[tokio::test]
async fn what_there_is_not_is_unimplemented_and_says_so(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| config.listen.reflection = false).await;
    for path in [
        "/auth.v1.AuthService/Nothing",
        "/auth.v1.AuthService/login",
        "/nobody.v1.Nothing/Nothing",
        "/grpc.health.v1.Health/Nothing",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/",
    ] {
        let (_, _, status) = send(&server, request(path, framed(0, &[]))).await;
        let found = (status.code(), reason(&status));
        assert_eq!(found, (Code::Unimplemented, "UNIMPLEMENTED".into()), "{path}");
    }
    counted(&server, "unknown", "UNIMPLEMENTED").await;
    // The health protocol wants NOT_FOUND.
    let nobody = framed(0, &[1 << 3 | 2, 1, b'x']);
    let (_, _, status) = send(&server, request("/grpc.health.v1.Health/Check", nobody)).await;
    assert_eq!((status.code(), reason(&status)), (Code::NotFound, "SERVICE_UNKNOWN".into()));
}

#[rstest]
#[tokio::test]
async fn a_compression_that_is_not_known_is_unimplemented_and_the_answer_names_those_that_are(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for path in PATHS {
        for compression in ["snappy", "deflate", "zstd", "GZIP", "gzip, gzip"] {
            let sent = with(request(path, framed(1, &[7; 10])), "grpc-encoding", compression);
            let (_, headers, status) = send(&server, sent).await;
            let found = (status.code(), reason(&status));
            let expected = (Code::Unimplemented, "COMPRESSION_UNSUPPORTED".into());
            assert_eq!(found, expected, "{path}, {compression}");
            assert_eq!(headers["grpc-accept-encoding"], "gzip,identity");
        }
        counted(&server, method(path), "UNIMPLEMENTED").await;
    }
}

#[rstest]
#[tokio::test]
async fn requests_may_be_gzip_and_answers_never_are(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let mut auth = server.auth.clone().send_compressed(CompressionEncoding::Gzip);
    let user = registration(false);
    let answer = soon("Register", auth.register(user.clone())).await.unwrap().into_inner();
    assert_eq!(answer.user.unwrap().username, user.username);

    let (username, password) = (user.username, PASSWORD.to_owned());
    let login = LoginRequest { username, password, ..Default::default() };
    let sent = gzip(LOGIN, &zipped(&login.encode_to_vec()));
    // There are secrets in the answer beside what the caller has chosen: its length must not tell.
    let (_, headers, status) = send(&server, with(sent, "grpc-accept-encoding", "gzip")).await;
    assert_eq!((status.code(), headers.get("grpc-encoding")), (Code::Ok, None));
}

/// The limit is for what a message takes in memory, not on the wire.
#[rstest]
#[tokio::test]
async fn what_is_too_large_once_it_is_decompressed_is_a_bad_field(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let sent = |bytes: usize| {
        // The tag of the password takes a byte, and its length three.
        let password = "x".repeat(bytes - 4);
        let login = LoginRequest { password, ..Default::default() }.encode_to_vec();
        assert_eq!(login.len(), bytes);
        gzip(LOGIN, &zipped(&login))
    };
    let (_, _, status) = send(&server, sent(MAX_REQUEST)).await;
    assert_eq!(violations(&status), ["password"], "it is decompressed and read: {status:?}");
    refused(&server, "a byte too many", sent(MAX_REQUEST + 1), "request").await;
    let bomb = zipped(&vec![0; 50 * 1024 * 1024]);
    assert!(bomb.len() < MAX_REQUEST, "it gets through as it is sent");
    for path in PATHS {
        refused(&server, "a bomb", gzip(path, &bomb), "request").await;
    }
    counted(&server, "Login", "INVALID_ARGUMENT").await;
}

/// tonic would take what came until then for an empty or a broken message.
#[rstest]
#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_of_its_request_has_cancelled(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for begun in [Vec::new(), framed(0, &[7; 100])[..50].to_vec()] {
        let frames = [Ok(Frame::data(begun.into())), Err(Status::cancelled("gone"))];
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        let sent = request(LOGIN, Vec::new()).map(|_| body);
        let mut channel = server.channel.clone();
        let answer = async { channel.ready().await.unwrap().call(sent).await };
        soon("the end", answer).await.unwrap_err();
    }
    let line = r#"grpc_method="Login",grpc_code="CANCELLED"} 2"#;
    eventually("the count", async || figures(&server).await.contains(line)).await;
    let figures = figures(&server).await;
    assert!(!figures.contains("INTERNAL") && !figures.contains("INVALID_ARGUMENT"), "{figures}");
}
