//! Whose address a call has, and how often one may call: counted together, whatever the protocol.

use std::time::Duration;

use countersign::{domain::TrustedProxies, pb::LoginRequest};
use rstest::rstest;
use serde_json::json;
use tonic::Request;

use super::{
    good, login, post, refused,
    ways::{WAYS, Way},
};
use crate::harness::{Backend, Server, reason_of, server::PASSWORD, unique};

/// One call a second, five at once.
async fn server(backend: Backend, trusted: &str) -> Server {
    let server = Server::start_with(backend, |config, _| {
        config.policy.address_rate = 1;
        if !trusted.is_empty() {
            config.listen.trusted_proxies = TrustedProxies::parse(trusted).unwrap();
        }
    })
    .await;
    server.clock.stop();
    server
}

async fn reason(server: &Server, way: Way, address: &str) -> String {
    let body = login(&unique("nobody"), PASSWORD);
    let headers = [("x-forwarded-for", address)];
    way.call(server, "AuthService/Login", &body, &headers).await.unwrap_err().reason
}

async fn by_grpc(server: &Server, address: &str) -> String {
    let (username, password) = (unique("nobody"), PASSWORD.to_owned());
    let mut request = Request::new(LoginRequest { username, password, ..Default::default() });
    request.metadata_mut().insert("x-forwarded-for", address.parse().unwrap());
    reason_of(server.auth.clone().login(request).await)
}

#[rstest]
#[tokio::test]
async fn calls_of_an_address_are_counted_together_in_all_protocols(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend, "127.0.0.0/8").await;
    for way in WAYS {
        assert_eq!(reason(&server, way, "192.0.2.1").await, "INVALID_CREDENTIALS", "{way:?}");
    }
    for way in WAYS {
        assert_eq!(reason(&server, way, "192.0.2.1").await, "THROTTLED", "{way:?}");
        // What stands before the nearest stranger is theirs to invent.
        assert_eq!(reason(&server, way, "192.0.2.9, 192.0.2.1").await, "THROTTLED", "{way:?}");
    }
    assert_eq!(by_grpc(&server, "192.0.2.1").await, "THROTTLED");
    assert_eq!(reason(&server, Way::Rest, "192.0.2.2").await, "INVALID_CREDENTIALS");
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(by_grpc(&server, "192.0.2.1").await, "INVALID_CREDENTIALS");
    let headers = "X-Forwarded-For: 192.0.2.1\r\n";
    let answer = post(&server, "/v1/sessions:login", headers, &login("nobody", PASSWORD)).await;
    assert_eq!((refused(&answer).status, answer.header("retry-after")), (429, "1"));
}

/// Calls of loopback itself are not counted.
#[tokio::test]
async fn by_default_nobody_is_believed_about_an_address() {
    let server = server(Backend::Sqlite, "").await;
    let user = server.user(false).await;
    let body = login(&user.username, PASSWORD);
    for way in WAYS.into_iter().chain(WAYS) {
        let headers = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        way.call(&server, "AuthService/Login", &body, &headers).await.unwrap();
    }
    let sessions = "SELECT COUNT(*) FROM sessions WHERE address = '127.0.0.1'";
    assert_eq!(server.database.number(sessions).await, 10);
}

#[tokio::test]
async fn a_session_has_the_address_that_a_trusted_proxy_forwards() {
    let server = server(Backend::Sqlite, "127.0.0.0/8").await;
    let user = server.user(false).await;
    let body = login(&user.username, PASSWORD);
    let headers = "X-Forwarded-For: 203.0.113.7, 2001:db8::1\r\n";
    good(&post(&server, "/v1/sessions:login", headers, &body).await);
    let sessions = "SELECT COUNT(*) FROM sessions WHERE address = '2001:db8::1'";
    assert_eq!(server.database.number(sessions).await, 1);
}

/// What can't be read costs nothing, and is no call: neighbours behind one address don't wait for it.
#[tokio::test]
async fn what_is_no_message_is_not_counted() {
    let server = server(Backend::Sqlite, "127.0.0.0/8").await;
    let headers = "X-Forwarded-For: 192.0.2.1\r\n";
    for _ in 0..20 {
        let answer = post(&server, "/v1/sessions:login", headers, &json!({ "username": [] })).await;
        assert_eq!(refused(&answer).reason, "INVALID_FIELD");
    }
    assert_eq!(reason(&server, Way::Rest, "192.0.2.1").await, "INVALID_CREDENTIALS");
}
