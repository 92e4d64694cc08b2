//! gRPC-Web as browsers send it, byte by byte ("PROTOCOL-WEB" of gRPC).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use countersign::pb::{
    GetJwksRequest, GetJwksResponse, WatchRevocationsRequest, WatchRevocationsResponse,
};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use prost::Message as _;
use tonic::{Code, Status};

use super::{
    client::{begin, exchange, framed, request, take_frame},
    ways::{decoded, trailers_of},
};
use crate::harness::{Backend, Server, reason, soon};

const JWKS: &str = "/auth.v1.TokenService/GetJwks";
const WATCH: &str = "/auth.v1.TokenService/WatchRevocations";

#[tokio::test]
async fn a_unary_answer_is_a_message_and_its_trailers() {
    let server = Server::start(Backend::Sqlite).await;
    let frame = framed(0, &GetJwksRequest {}.encode_to_vec());
    for (media_type, body) in [
        ("application/grpc-web", frame.clone()),
        ("application/grpc-web+proto", frame.clone()),
        ("application/grpc-web-text", BASE64_STANDARD.encode(&frame).into_bytes()),
        ("application/grpc-web-text+proto", BASE64_STANDARD.encode(&frame).into_bytes()),
    ] {
        let headers = [("content-type", media_type), ("accept", media_type), ("x-grpc-web", "1")];
        let answer = exchange(server.http, request("POST", JWKS, &headers, body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.header("content-type").starts_with("application/grpc-web"), "{answer:?}");
        let is_text = media_type.contains("text");
        let mut body = if is_text { decoded(&answer.body) } else { answer.body.clone() };
        let (flags, message) = take_frame(&mut body).unwrap();
        assert_eq!((flags, GetJwksResponse::decode(message).unwrap().keys.len()), (0, 1));
        let (flags, trailers) = take_frame(&mut body).unwrap();
        assert_eq!(
            (flags, &trailers_of(&trailers)["grpc-status"]),
            (0x80, &"0".parse::<http::HeaderValue>().unwrap())
        );
        assert!(body.is_empty());
    }
}

#[tokio::test]
async fn a_stream_comes_message_by_message_and_ends_with_its_status() {
    let server = Server::start(Backend::Sqlite).await;
    let tokens = server.session(&server.user(false).await).await;
    let frame = framed(0, &WatchRevocationsRequest::default().encode_to_vec());
    let headers = [("content-type", "application/grpc-web+proto"), ("grpc-timeout", "3S")];
    let answer = begin(server.http, request("POST", WATCH, &headers, frame)).await;
    let (mut body, mut rest) = (answer.into_body(), Bytes::new());
    let mut next = async || loop {
        if let Some(frame) = take_frame(&mut rest) {
            return frame;
        }
        let frame = soon("a frame", body.frame()).await.unwrap().unwrap();
        rest = [&rest[..], &frame.into_data().unwrap()[..]].concat().into();
    };
    let (flags, first) = next().await;
    let first = WatchRevocationsResponse::decode(first).unwrap();
    assert!(flags == 0 && first.revocation.is_none(), "a heartbeat: {first:?}");
    server.logout(&tokens.refresh_token).await.unwrap();
    loop {
        let (flags, message) = next().await;
        assert_eq!(flags, 0);
        if WatchRevocationsResponse::decode(message).unwrap().revocation.is_some() {
            break;
        }
    }
    let status = loop {
        let (flags, trailers) = next().await;
        if flags == 0x80 {
            break Status::from_header_map(&trailers_of(&trailers)).unwrap();
        }
    };
    assert_eq!((status.code(), &*reason(&status)), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

#[tokio::test]
async fn what_is_not_grpc_web_is_refused() {
    let server = Server::start(Backend::Sqlite).await;
    let web = "application/grpc-web+proto";
    let whole = framed(0, &GetJwksRequest {}.encode_to_vec());
    let large = framed(0, &vec![0; 64 * 1024 + 1]);
    for (body, code) in [
        (Vec::new(), Code::InvalidArgument),
        (whole[..4].to_vec(), Code::InvalidArgument),
        (framed(0, b"\xff\xff"), Code::InvalidArgument),
        (framed(7, b""), Code::InvalidArgument),
        (large, Code::InvalidArgument),
    ] {
        let answer =
            exchange(server.http, request("POST", JWKS, &[("content-type", web)], body.clone()))
                .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let status = Status::from_header_map(&answer.headers).unwrap_or_else(|| {
            let mut body = answer.body.clone();
            let (_, trailers) = take_frame(&mut body).unwrap();
            Status::from_header_map(&trailers_of(&trailers)).unwrap()
        });
        assert_eq!(status.code(), code, "{} bytes: {status:?}", body.len());
    }
    for (method, media_type, expected) in [
        ("GET", web, 405),
        ("PUT", web, 405),
        ("OPTIONS", web, 405),
        ("POST", "application/grpc-web+json", 415),
        ("POST", "application/grpc-webx", 415),
        ("POST", "application/grpc-web+proto;x=y", 415),
    ] {
        let path = "/auth.v1.AuthService/Login";
        let headers = [("content-type", media_type)];
        let answer = exchange(server.http, request(method, path, &headers, whole.clone())).await;
        assert_eq!(answer.status, expected, "{method} {media_type}: {answer:?}");
        assert_eq!(answer.header("allow") == "POST", expected == 405, "{method} {media_type}");
    }
    // At the path of a rule there is JSON alone.
    let headers = [("content-type", web)];
    let answer = exchange(server.http, request("POST", "/v1/users:register", &headers, whole));
    assert_eq!(answer.await.status, 415);
}
