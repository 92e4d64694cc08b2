//! What one caller can't take. Where a well-behaved client would never do such a thing, frames are written by hand
//! (RFC 9113, section 4.1).

use std::time::Duration;

use countersign::grpc::Limits;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use crate::errors::call_with;
use crate::harness::{
    Backend, Server, eventually, reason,
    server::{PASSWORD, registration},
    soon, violations,
};
use crate::http::get;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const NO_ERROR: u32 = 0;
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The next frame: its kind and its payload. None at the end of the connection.
async fn read_frame(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    socket.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length.try_into().unwrap()];
    socket.read_exact(&mut payload).await.ok()?;
    Some((head[3], payload))
}

/// The payload of the next frame of that kind. None at the end of the connection.
async fn next(socket: &mut TcpStream, wanted: u8) -> Option<Vec<u8>> {
    soon("a frame", async {
        loop {
            let (kind, payload) = read_frame(socket).await?;
            if kind == wanted {
                return Some(payload);
            }
        }
    })
    .await
}

async fn connect(server: &Server) -> TcpStream {
    let mut socket = TcpStream::connect(server.grpc).await.unwrap();
    socket.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    socket
}

#[tokio::test]
async fn the_server_announces_its_limits() {
    let server = Server::start(Backend::Sqlite).await;
    let mut socket = connect(&server).await;
    let (kind, payload) = soon("SETTINGS", read_frame(&mut socket)).await.unwrap();
    assert_eq!(kind, SETTINGS);
    let setting = |id: u16| {
        let entries = payload.chunks_exact(6).find(|entry| entry[..2] == id.to_be_bytes());
        entries.map(|entry| u32::from_be_bytes(entry[2..].try_into().unwrap()))
    };
    let (max_streams, window, max_frame, max_headers) = (3, 4, 5, 6);
    assert_eq!(setting(max_streams), Some(100));
    // 64 KiB less a byte is what HTTP/2 has where nothing is announced.
    assert_eq!(setting(window), Some(64 * 1024));
    assert!(setting(max_frame).is_none_or(|bytes| bytes == 16 * 1024));
    // Eight times of what is taken: what is more than that gets an answer of HTTP/2's own, which says nothing to gRPC clients.
    assert_eq!(setting(max_headers), Some(8 * 16 * 1024));
    let payload = next(&mut socket, WINDOW_UPDATE).await.unwrap();
    // What the connection may hold beyond HTTP/2's own 64 KiB less a byte.
    assert_eq!(payload, (256 * 1024 - 65_535_u32).to_be_bytes());
}

/// Requests that are reset before they are looked at (CVE-2023-44487).
#[tokio::test]
async fn a_connection_that_resets_its_own_requests_is_told_to_calm_down() {
    let server = Server::start(Backend::Sqlite).await;
    let mut socket = connect(&server).await;
    // :method POST, :scheme http, :path /, and CANCEL.
    let (end_of_headers, head, cancel) = (0x4, [0x83, 0x86, 0x84], 8_u32.to_be_bytes());
    let resets: Vec<_> = (1..)
        .step_by(2)
        .take(200)
        .flat_map(|id| {
            [frame(HEADERS, end_of_headers, id, &head), frame(RST_STREAM, 0, id, &cancel)].concat()
        })
        .collect();
    socket.write_all(&resets).await.unwrap();
    let payload = next(&mut socket, GOAWAY).await.unwrap();
    assert_eq!(payload[4..8], ENHANCE_YOUR_CALM.to_be_bytes());
}

#[tokio::test]
async fn a_caller_that_does_not_answer_is_gone() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.limits.keepalive_interval = Duration::from_millis(20);
        environment.limits.keepalive_timeout = Duration::from_millis(20);
    })
    .await;
    let mut socket = connect(&server).await;
    assert!(next(&mut socket, PING).await.is_some());
    assert!(next(&mut socket, DATA).await.is_none(), "there is no data, only the end");
}

/// With a grace, tonic would end the connection without a word.
#[tokio::test]
async fn an_old_connection_is_asked_to_end() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.limits.max_connection_age = Duration::from_millis(20);
    })
    .await;
    let mut socket = connect(&server).await;
    let payload = next(&mut socket, GOAWAY).await.unwrap();
    assert_eq!(payload[4..8], NO_ERROR.to_be_bytes());
}

/// The request of a stream: its header fields (RFC 7541, without an index), and its empty message.
fn opened(path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let content_type = [&[0x0f, 0x10][..], &text("application/grpc")].concat();
    let fields = [&[0x83, 0x86, 0x04][..], &text(path), &content_type].concat();
    let (end_of_headers, end_of_stream) = (0x4, 0x1);
    let head = frame(HEADERS, end_of_headers, 1, &fields);
    [head, frame(DATA, end_of_stream, 1, &[0; 5])].concat()
}

/// As [`next`], and answers the server's pings meanwhile, without which it would wait for the answer and not end.
async fn next_of_the_living(socket: &mut TcpStream, wanted: u8) -> Option<Vec<u8>> {
    soon("a frame", async {
        loop {
            let (kind, payload) = read_frame(socket).await?;
            if kind == wanted {
                return Some(payload);
            }
            if kind == PING {
                let ack = 0x1;
                socket.write_all(&frame(PING, ack, 0, &payload)).await.ok()?;
            }
        }
    })
    .await
}

/// A server whose connections are asked to end soon, and whose streams last for a time.
async fn restless(stream_age: Duration, max_deadline: Duration) -> Server {
    Server::start_with(Backend::Sqlite, |config, environment| {
        config.listen.stream_age = stream_age;
        environment.limits.max_deadline = max_deadline;
        environment.limits.max_connection_age = Duration::from_millis(100);
    })
    .await
}

/// Connections that were asked to end, as a mesh keeps them for ever where one stream is open.
#[tokio::test]
async fn a_stream_of_revocations_ends_and_so_does_the_old_connection_that_it_is_on() {
    let server = restless(Duration::from_millis(300), Duration::from_secs(30)).await;
    let mut socket = connect(&server).await;
    let watch = opened("/auth.v1.TokenService/WatchRevocations");
    socket.write_all(&watch).await.unwrap();
    assert!(next_of_the_living(&mut socket, HEADERS).await.is_some(), "it has begun");
    let asked = next_of_the_living(&mut socket, GOAWAY).await.unwrap();
    assert_eq!(asked[4..8], NO_ERROR.to_be_bytes());
    assert!(next_of_the_living(&mut socket, HEADERS).await.is_some(), "the trailers");
    assert!(
        next_of_the_living(&mut socket, DATA).await.is_none(),
        "there is no data, only the end"
    );
}

/// Whoever watches health for ever, or reads nothing, must not keep a connection.
#[tokio::test]
async fn a_connection_that_does_not_end_by_itself_is_closed_when_its_streams_should_have_ended() {
    let server = restless(Duration::from_millis(300), Duration::from_millis(300)).await;
    let mut socket = connect(&server).await;
    socket.write_all(&opened("/grpc.health.v1.Health/Watch")).await.unwrap();
    assert!(next_of_the_living(&mut socket, HEADERS).await.is_some(), "it has begun");
    assert!(next_of_the_living(&mut socket, GOAWAY).await.is_some());
    let trailers = next_of_the_living(&mut socket, HEADERS).await;
    assert!(trailers.is_none(), "nothing ends it but the end of the connection");
}

/// Requests without a path make the server reset one stream after the other.
#[tokio::test]
async fn a_connection_that_makes_the_server_reset_streams_is_told_to_calm_down() {
    let server = Server::start(Backend::Sqlite).await;
    let mut socket = connect(&server).await;
    let (end_of_stream_and_headers, only_the_method) = (0x5, [0x83]);
    let resets = Limits::default().max_error_resets + 100;
    for stream in (1..).step_by(2).take(resets) {
        let request = frame(HEADERS, end_of_stream_and_headers, stream, &only_the_method);
        // The server may have hung up by now.
        if socket.write_all(&request).await.is_err() {
            break;
        }
    }
    let payload = next(&mut socket, GOAWAY).await.unwrap();
    assert_eq!(payload[4..8], ENHANCE_YOUR_CALM.to_be_bytes());
}

/// As grpcio sends it for the target `ipv4:a,b`: h2 refuses it before there is a call. It is counted, and others go on.
#[tokio::test]
async fn a_request_whose_authority_is_none_is_reset_and_counted() {
    let server = Server::start(Backend::Sqlite).await;
    let mut socket = connect(&server).await;
    // :method POST, :scheme http, :path /, and a literal :authority (RFC 7541, section 6.2.1).
    let authority = b"10.0.0.1:50051,10.0.0.2:50051";
    let length = [u8::try_from(authority.len()).unwrap()];
    let head = [&[0x83, 0x86, 0x84, 0x41], &length[..], authority].concat();
    let (end_of_stream_and_headers, protocol_error) = (0x5, 1_u32.to_be_bytes());
    for stream in [1, 3] {
        let request = frame(HEADERS, end_of_stream_and_headers, stream, &head);
        socket.write_all(&request).await.unwrap();
        assert_eq!(next(&mut socket, RST_STREAM).await.unwrap(), protocol_error);
    }
    assert!(server.login("nobody", PASSWORD).await.is_err());
    let line = "\ncountersign_grpc_malformed_requests_total 2\n";
    eventually("the count", async || get(server.http, "/metrics").await.1.contains(line)).await;
}

#[tokio::test]
async fn a_connection_that_never_says_the_preface_is_closed() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        // The harness's own channel has to keep to it too.
        environment.limits.preface_deadline = Duration::from_millis(500);
    })
    .await;
    let mut well_behaved = connect(&server).await;
    for begun in [&b""[..], &PREFACE[..23]] {
        let mut socket = TcpStream::connect(server.grpc).await.unwrap();
        socket.write_all(begun).await.unwrap();
        let mut rest = Vec::new();
        // Closed in order or reset: either way it is over.
        let _closed = soon("closing", socket.read_to_end(&mut rest)).await;
    }
    // And one that has said it stays, though it was there before those.
    well_behaved.write_all(&frame(PING, 0, 0, &[7; 8])).await.unwrap();
    assert_eq!(next(&mut well_behaved, PING).await.unwrap(), [7; 8]);
}

#[tokio::test]
async fn with_all_places_taken_the_next_connection_waits_for_one() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        // One for the harness's own channel.
        environment.limits.max_connections = 2;
    })
    .await;
    let mut first = connect(&server).await;
    soon("SETTINGS", read_frame(&mut first)).await.unwrap();
    let mut second = connect(&server).await;
    {
        let mut waiting = std::pin::pin!(read_frame(&mut second));
        // The harness's channel is served meanwhile, so there was time for an answer.
        for _ in 0..20 {
            assert!(server.login("nobody", PASSWORD).await.is_err());
            assert!(futures_util::poll!(&mut waiting).is_pending());
        }
        drop(first);
        assert!(soon("SETTINGS", waiting).await.is_some());
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_a_bad_field() {
    let server = Server::start(Backend::Sqlite).await;
    let mut request = registration(false);
    request.password = "z".repeat(64 * 1024);
    let refused = server.register(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::InvalidArgument, "INVALID_FIELD".into()));
    assert_eq!(violations(&refused), ["request"]);
    // Not of our services alone: these take no field at all, or a short one.
    for path in ["/auth.v1.TokenService/GetJwks", "/grpc.health.v1.Health/Check"] {
        let refused = call_with(&server, path, "z".repeat(64 * 1024)).await.unwrap_err();
        assert_eq!(violations(&refused), ["request"], "{path}");
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_as_deadline_exceeded() {
    let server = Server::start_with(Backend::Postgres, |_, environment| {
        environment.limits.max_deadline = Duration::from_millis(200);
    })
    .await;
    let locked = server.database.lock("users").await;
    let refused = server.login("nobody", PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".into())
    );
    drop(locked);
}
