//! How large a body may be, and of which type.

use serde_json::json;

use super::{JSON, Refused, contract::rpcs, contract::rules, good, post, refused};
use crate::harness::{
    Backend, Server,
    oauth::ask,
    server::{PASSWORD, registration},
    unique,
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
