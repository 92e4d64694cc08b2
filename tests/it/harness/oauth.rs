//! Service accounts of a server, and its HTTP side as raw bytes: what a client library would hide is seen here.

use std::{net::SocketAddr, time::Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use countersign::{
    app::service_account_keeper,
    domain::{Context, Scope},
    service::{AccountRequest, KeyRequest, ServiceAccountKeeper},
};
use http::HeaderMap;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use url::form_urlencoded;
use uuid::Uuid;

use super::{Server, server::config, soon, unique};

/// A service account, and its key.
#[derive(Debug, Clone)]
pub struct Machine {
    pub name: String,
    pub id: String,
    pub key: String,
}

/// A new account with these scopes.
pub async fn machine(server: &Server, scope: &str) -> Machine {
    machine_with(server, scope, |_| {}).await
}

/// A new account that may act for users.
pub async fn machine_for_users(server: &Server, scope: &str) -> Machine {
    machine_with(server, scope, |request| request.grants.may_exchange = true).await
}

pub async fn machine_with(
    server: &Server,
    scope: &str,
    change: impl FnOnce(&mut AccountRequest),
) -> Machine {
    let mut request = AccountRequest { name: unique("cart"), ..AccountRequest::default() };
    request.grants.scope = Scope::parse(scope).unwrap();
    change(&mut request);
    let key = Some(KeyRequest::default());
    let (account, key) = keeper(server).await.create(&operator(), request, key).await.unwrap();
    let key = key.unwrap().text.expose().to_owned();
    Machine { name: account.name, id: account.id.to_string(), key }
}

/// What the commands act by.
pub async fn keeper(server: &Server) -> ServiceAccountKeeper {
    service_account_keeper(&config(&server.database), &server.clock.clock()).await.unwrap()
}

pub fn operator() -> Context {
    Context::of_operator(Instant::now(), Uuid::now_v7().into())
}

/// An answer of the HTTP side.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header that comes once; empty if it does not.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} comes twice: {self:?}");
        value
    }

    /// The answer must be a token.
    pub fn token(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// The status and the `error` of a refusal. What holds for all of them is checked on the way (RFC 6749, section 5.2).
    pub fn refused(&self) -> (u16, String) {
        assert!(self.status >= 400, "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        let json = self.json();
        let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["error", "error_description"], "{self:?}");
        for text in [&json["error"], &json["error_description"]] {
            let text = text.as_str().unwrap();
            let allowed = |c| matches!(c, ' '..='~') && !['"', '\\'].contains(&c);
            assert!(!text.is_empty() && text.chars().all(allowed), "{self:?}");
        }
        (self.status, json["error"].as_str().unwrap().to_owned())
    }
}

/// Sends these bytes on a connection of their own, and reads until its end.
pub async fn send(address: SocketAddr, request: &[u8]) -> Answer {
    send_over(TcpStream::connect(address).await.unwrap(), request).await
}

/// As [`send`], on this connection.
pub async fn send_over(mut socket: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Answer {
    // A server that refuses early does not take the rest.
    let _broken_off = socket.write_all(request).await;
    let mut answer = Vec::new();
    let _reset_after_the_answer = soon("the answer", socket.read_to_end(&mut answer)).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
    });
    let mut map = HeaderMap::new();
    headers.for_each(|(name, value)| _ = map.append(name, value));
    Answer { status, headers: map, body: body.to_owned() }
}

/// A request with a body, and `headers` as they stand, each with its end of line.
pub async fn ask(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    ask_at(server.http, method, path, headers, body).await
}

/// As [`ask`], of a server that is another process.
pub async fn ask_at(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    send(address, request(method, path, headers, body).as_bytes()).await
}

/// A request that is the last of its connection.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    format!("{head}Content-Length: {length}\r\n{headers}\r\n{body}")
}

pub const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// Posts a form.
pub async fn post(server: &Server, path: &str, headers: &str, form: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    ask(server, "POST", path, &format!("{FORM}{headers}"), &body).await
}

/// Asks for a token.
pub async fn token(server: &Server, headers: &str, form: &[(&str, &str)]) -> Answer {
    let mut all = vec![("grant_type", "client_credentials")];
    all.extend(form);
    post(server, "/oauth2/token", headers, &all).await
}

/// The token of a service, by its key, with that scope; empty is all.
pub async fn service_token(server: &Server, machine: &Machine, scope: &str) -> String {
    let header = basic(&machine.id, &machine.key);
    token(server, &header, &[("scope", scope)]).await.token()
}

/// The token of a service that acts for a user.
pub async fn exchanged_token(server: &Server, machine: &Machine, subject: &str) -> Answer {
    let header = basic(&machine.id, &machine.key);
    post(server, "/oauth2/token", &header, &exchange(subject)).await
}

/// The form of an exchange.
pub fn exchange(subject: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", subject),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ]
}

/// The header of HTTP's Basic.
pub fn basic(user: &str, password: &str) -> String {
    let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {pair}\r\n")
}

/// The header of a bearer token.
pub fn bearer_header(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}
