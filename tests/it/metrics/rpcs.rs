//! The metrics of RPCs, as gRFC A66 defines them.

use countersign::pb::{GetJwksRequest, LoginRequest};
use futures_util::stream;
use prost::Message as _;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use super::{Scrape, reaches};
use crate::{
    faults::{framed, gzip, request, send, zipped},
    harness::{Backend, Server, server::PASSWORD, soon},
};

const STARTED: &str = "grpc_server_call_started_total";
const DURATIONS: &str = "grpc_server_call_duration_seconds_count";

/// The sums of the sizes of what one kind of call received and sent, once so many have ended.
async fn sizes(server: &Server, method: &str, status: &str, calls: f64) -> (f64, f64) {
    let labels = [("grpc_method", method), ("grpc_status", status)];
    reaches(server, DURATIONS, &labels, |ended| ended == calls).await;
    let scrape = Scrape::of(server).await;
    let value = |way: &str, of: &str| {
        let name = format!("grpc_server_call_{way}_total_compressed_message_size_bytes_{of}");
        scrape.value(&name, &labels).unwrap()
    };
    assert_eq!((value("rcvd", "count"), value("sent", "count")), (calls, calls));
    (value("rcvd", "sum"), value("sent", "sum"))
}

fn bytes(length: usize) -> f64 {
    u32::try_from(length).unwrap().into()
}

#[tokio::test]
async fn calls_are_counted_when_they_begin_and_by_their_status_when_they_end() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    server.login(&user.username, PASSWORD).await.unwrap();
    server.login(&user.username, "wrong password").await.unwrap_err();
    let request = HealthCheckRequest::default();
    let watch = HealthClient::new(server.channel.clone()).watch(request).await.unwrap();
    for (method, status, calls) in [
        ("auth.v1.AuthService/Login", "OK", 1.0),
        ("auth.v1.AuthService/Login", "UNAUTHENTICATED", 1.0),
    ] {
        let labels = [("grpc_method", method), ("grpc_status", status)];
        reaches(&server, DURATIONS, &labels, |ended| ended == calls).await;
    }
    let scrape = Scrape::of(&server).await;
    for (method, calls) in [
        ("auth.v1.AuthService/Register", 1.0),
        ("auth.v1.AuthService/Login", 2.0),
        ("grpc.health.v1.Health/Watch", 1.0),
    ] {
        assert_eq!(scrape.value(STARTED, &[("grpc_method", method)]), Some(calls), "{method}");
    }
    let watching = [("grpc_method", "grpc.health.v1.Health/Watch")];
    assert_eq!(scrape.value(DURATIONS, &watching), None, "it has not ended");
    drop(watch);
    let cancelled = [watching[0], ("grpc_status", "CANCELLED")];
    reaches(&server, DURATIONS, &cancelled, |ended| ended == 1.0).await;
}

/// Callers may invent names: each would be a series for ever.
#[tokio::test]
async fn what_is_no_rpc_is_counted_as_other() {
    let server = Server::start(Backend::Sqlite).await;
    for path in ["/invented.by.Caller/Method", "/auth.v1.AuthService/Invented", "/"] {
        let (_, _, status) = send(&server, request(path, framed(0, b"1234567"))).await;
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
    // Nobody has read what they sent.
    assert_eq!(sizes(&server, "_OTHER", "UNIMPLEMENTED", 3.0).await, (0.0, 0.0));
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.value(STARTED, &[("grpc_method", "_OTHER")]), Some(3.0));
    let methods = scrape.samples.iter().filter_map(|sample| sample.labels.get("grpc_method"));
    assert!(methods.into_iter().all(|method| !method.to_lowercase().contains("invented")));
}

/// "Compressed but not encrypted, metadata excluded; does not include grpc or transport framing bytes."
#[tokio::test]
async fn sizes_are_those_of_the_messages_as_they_were_sent_and_of_nothing_around_them() {
    let server = Server::start(Backend::Sqlite).await;
    let login = LoginRequest {
        username: "nobody".to_owned(),
        password: "x".repeat(40_000),
        ..Default::default()
    };
    server.auth.clone().login(login.clone()).await.unwrap_err();
    let received = bytes(login.encoded_len());
    assert!(received > 32_768.0, "several frames of HTTP/2");
    assert_eq!(
        sizes(&server, "auth.v1.AuthService/Login", "INVALID_ARGUMENT", 1.0).await,
        (received, 0.0)
    );

    let check = HealthCheckRequest { service: "auth.v1.TokenService".to_owned() };
    let zip = zipped(&check.encode_to_vec());
    for sent in [
        request("/grpc.health.v1.Health/Check", framed(0, &check.encode_to_vec())),
        gzip("/grpc.health.v1.Health/Check", &zip),
    ] {
        assert_eq!(send(&server, sent).await.2.code(), Code::Ok);
    }
    let received = bytes(check.encoded_len() + zip.len());
    // Each answer is a field of one byte with its tag.
    assert_eq!(
        sizes(&server, "grpc.health.v1.Health/Check", "OK", 2.0).await,
        (received, 2.0 * 2.0)
    );

    let jwks = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    assert_eq!(
        sizes(&server, "auth.v1.TokenService/GetJwks", "OK", 1.0).await,
        (0.0, bytes(jwks.encoded_len()))
    );
}

#[tokio::test]
async fn the_size_of_a_stream_is_that_of_all_its_messages() {
    let server = Server::start(Backend::Sqlite).await;
    let symbols = ["auth.v1.AuthService", "grpc.health.v1.Health", "google.rpc.ErrorInfo"];
    let asked: Vec<_> = symbols
        .iter()
        .map(|symbol| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::FileContainingSymbol((*symbol).to_owned())),
        })
        .collect();
    let received = asked.iter().map(prost::Message::encoded_len).sum();
    let mut client = ServerReflectionClient::new(server.channel.clone());
    let mut answers =
        client.server_reflection_info(stream::iter(asked)).await.unwrap().into_inner();
    let (mut sent, mut number) = (0, 0);
    while let Some(answer) = soon("an answer", answers.message()).await.unwrap() {
        (sent, number) = (sent + answer.encoded_len(), number + 1);
    }
    assert_eq!(number, symbols.len());
    let method = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    assert_eq!(sizes(&server, method, "OK", 1.0).await, (bytes(received), bytes(sent)));
}
