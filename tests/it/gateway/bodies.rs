//! How large a body may be, and of which type.

use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    JSON, Refused,
    client::{framed, request},
    contract::{rpcs, rules},
    good, post, refused,
};
use crate::harness::{
    Backend, Server,
    oauth::ask,
    server::{PASSWORD, registration},
    soon, unique,
};

const MAX: usize = 64 * 1024;

#[tokio::test]
async fn a_body_has_64_kib_at_the_most() {
    let server = Server::start(Backend::Sqlite).await;
    let too_large = " ".repeat(MAX - 1) + "{}";
    for (path, method) in rules()
        .into_iter()
        .filter(|(_, rule)| !rule.body.is_empty())
        .map(|(_, rule)| (rule.at("x"), rule.method))
    {
        let answer = ask(&server, &method, &path, JSON, &too_large).await;
        assert_eq!(refused(&answer), Refused::of(413, "INVALID_FIELD", &["body"]), "{path}");
    }
    for rpc in rpcs() {
        let answer = ask(&server, "POST", &rpc.path, JSON, &too_large).await;
        assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("invalid_argument")));
    }
    // Its length may be told by nothing but its end.
    let mut chunked = format!(
        "POST /v1/sessions:login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n{JSON}\r\n"
    );
    for _ in 0..=MAX / 1024 {
        chunked += &format!("400\r\n{}\r\n", " ".repeat(1024));
    }
    let answer = crate::harness::oauth::send(server.http, chunked.as_bytes()).await;
    assert_eq!(refused(&answer).status, 413);
    // One that fits is read.
    let user = server.user(false).await;
    let login = json!({ "username": user.username, "password": PASSWORD }).to_string();
    let padded = " ".repeat(MAX - login.len()) + &login;
    for path in ["/v1/sessions:login", "/auth.v1.AuthService/Login"] {
        good(&ask(&server, "POST", path, JSON, &padded).await);
    }
}

/// What the form of another site can send, or its script without being asked (CORS, "simple requests").
#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let server = Server::start(Backend::Sqlite).await;
    let request = registration(false);
    let json =
        json!({ "username": request.username, "email": request.email, "password": PASSWORD });
    let json = json.to_string();
    let form = format!("username={}&email=a%40example.com&password={PASSWORD}", request.username);
    // As a form of text/plain can have it: a name that begins and a value that ends the JSON.
    let disguised = json.replacen("\"email\"", "\"requestId\":\"=\",\"email\"", 1);
    let multipart =
        format!("--x\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{json}\r\n--x--\r\n");
    let users = async || server.database.number("SELECT COUNT(*) FROM users").await;
    for (media_type, body) in [
        ("", &json),
        ("text/plain", &json),
        ("text/plain", &disguised),
        ("text/plain;charset=UTF-8", &json),
        ("text/plain; application/json", &json),
        ("application/x-www-form-urlencoded", &form),
        ("application/x-www-form-urlencoded", &json),
        ("application/x-www-form-urlencoded", &String::new()),
        ("multipart/form-data; boundary=x", &multipart),
        ("text/json", &json),
        ("application/jsonp", &json),
        ("application/json, text/plain", &json),
        ("application/json\r\nContent-Type: text/plain", &json),
        ("text/plain\r\nContent-Type: application/json", &json),
        ("application/octet-stream", &json),
        ("application/merge-patch+json", &json),
        ("application/grpc", &json),
        ("application/grpc-web-json", &json),
        ("application/connect+json", &json),
    ] {
        let site = "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n";
        let header = if media_type.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {media_type}\r\n")
        };
        for path in ["/v1/users:register", "/auth.v1.AuthService/Register"] {
            let answer = ask(&server, "POST", path, &format!("{header}{site}"), body).await;
            assert_eq!(answer.status, 415, "{media_type} {path}: {answer:?}");
            if path.starts_with("/v1") {
                assert_eq!(refused(&answer), Refused::of(415, "INVALID_FIELD", &["content-type"]));
            }
        }
        assert_eq!(users().await, 0, "{media_type}");
    }
    good(
        &ask(
            &server,
            "POST",
            "/v1/users:register",
            "content-TYPE: Application/JSON; charset=utf-8\r\n",
            &json,
        )
        .await,
    );
    assert_eq!(users().await, 1);
}

/// An empty message is one of default fields, with a type or without; for one RPC those are enough.
#[tokio::test]
async fn an_empty_body_is_an_empty_message_unless_it_is_of_another_type() {
    let server = Server::start(Backend::Sqlite).await;
    let tokens = server.session(&server.user(false).await).await;
    let bearer = crate::harness::oauth::bearer_header(&tokens.access_token);
    let path = "/v1/me/sessions:revokeOthers";
    for headers in [String::new(), JSON.to_owned()] {
        good(&ask(&server, "POST", path, &format!("{headers}{bearer}"), "").await);
    }
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(ask(&server, "POST", path, &format!("{form}{bearer}"), "").await.status, 415);
}

#[tokio::test]
async fn a_compressed_body_is_refused_and_the_answer_says_why() {
    let server = Server::start(Backend::Sqlite).await;
    let username = unique("alice");
    let body = json!({ "username": username, "password": PASSWORD });
    for encoding in ["gzip", "br", "zstd", "deflate", "identity, gzip", "x"] {
        let header = format!("Content-Encoding: {encoding}\r\n");
        let answer = post(&server, "/v1/sessions:login", &header, &body).await;
        assert_eq!(refused(&answer), Refused::of(415, "INVALID_FIELD", &["content-encoding"]));
        let answer = post(&server, "/auth.v1.AuthService/Login", &header, &body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (501, &json!("unimplemented")));
        assert!(!answer.body.contains("gzip"), "what is not taken is not offered: {answer:?}");
    }
    let identity = "Content-Encoding: identity\r\n";
    let answer = post(&server, "/v1/sessions:login", identity, &body).await;
    assert_eq!(refused(&answer).reason, "INVALID_CREDENTIALS");
}

/// The head of a request whose body comes in chunks.
fn head(path: &str, headers: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{headers}\r\n")
}

/// The head of an answer, and no more than that.
async fn answer_head(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = soon("an answer", socket.read_u8()).await;
        answer.push(byte.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&answer))));
    }
    String::from_utf8(answer).unwrap().to_lowercase()
}

/// Such a connection is closed: a client that does not know sends its next request into nothing.
#[tokio::test]
async fn a_refusal_before_the_body_says_that_the_connection_ends() {
    let server = Server::start(Backend::Sqlite).await;
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    socket.write_all(head("/oauth2/nothing", "").as_bytes()).await.unwrap();
    let answer = answer_head(&mut socket).await;
    assert!(answer.starts_with("http/1.1 404"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

/// A client that still writes its body would lose the answer with the connection.
#[tokio::test]
async fn a_request_that_is_refused_by_its_head_is_read_to_its_end() {
    let server = Server::start(Backend::Sqlite).await;
    let gzip = format!("{JSON}content-encoding: gzip\r\n");
    let web = "content-type: application/grpc-web+x\r\n";
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    for (path, headers, status) in [
        ("/v1/nothing", JSON, 404),
        ("/v1/me", JSON, 405),
        ("/v1/sessions:login", &gzip, 415),
        ("/auth.v1.AuthService/Login", "content-type: text/plain\r\n", 415),
        ("/auth.v1.AuthService/Login", &gzip, 501),
        ("/auth.v1.AuthService/Login", web, 415),
    ] {
        socket.write_all(head(path, headers).as_bytes()).await.unwrap();
        socket.write_all(b"2\r\n{}\r\n0\r\n\r\n").await.unwrap();
        let answer = answer_head(&mut socket).await;
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{path}: {answer}");
        assert!(!answer.contains("connection: close"), "{path}: {answer}");
        let length = answer.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        soon("the body", socket.read_exact(&mut body)).await.unwrap();
    }
}

/// gRPC-Web's clients in Node pool their connections: a refused call must leave a good one.
#[tokio::test]
async fn calls_that_are_refused_leave_the_connection_good() {
    let server = Server::start(Backend::Sqlite).await;
    let socket = TcpStream::connect(server.http).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let web = [("content-type", "application/grpc-web+proto")];
    for _ in 0..3 {
        let me = request("POST", "/auth.v1.AccountService/GetMe", &web, framed(0, b""));
        let answer = soon("an answer", sender.send_request(me)).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "16");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers().get("connection"), None);
        answer.into_body().collect().await.unwrap();
        soon("the connection", sender.ready()).await.unwrap();
    }
}
