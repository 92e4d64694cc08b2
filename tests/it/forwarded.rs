//! Whose address a call has, by what proxies write about it.

use countersign::{
    domain::{ForwardedHeader, TrustedProxies},
    pb::{LoginRequest, Tokens, User, login_response::Result as Outcome},
};
use tonic::Request;

use crate::harness::{Backend, Server, command::output, server::PASSWORD, soon};

/// A server behind proxies at 127.0.0.0/8, 10.0.0.0/8 and fe80::/10, which write that header.
async fn server(header: ForwardedHeader) -> (Server, User) {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        let proxies = TrustedProxies::parse("127.0.0.0/8,10.0.0.0/8,fe80::/10").unwrap();
        config.listen.trusted_proxies = proxies.writing(header);
    })
    .await;
    let user = server.user(false).await;
    (server, user)
}

/// The address that a session's list shows for a login with these headers; empty where it is not known.
async fn address(server: &Server, user: &User, headers: &[(&'static str, &str)]) -> String {
    let mut request = Request::new(LoginRequest {
        username: user.username.clone(),
        password: PASSWORD.to_owned(),
        ..LoginRequest::default()
    });
    for (name, value) in headers {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    let response = soon("Login", server.auth.clone().login(request)).await.unwrap().into_inner();
    let Some(Outcome::Tokens(tokens)) = response.result else { panic!("no tokens") };
    shown(server, &tokens).await
}

async fn shown(server: &Server, tokens: &Tokens) -> String {
    let sessions = server.sessions(tokens).await.unwrap();
    sessions.into_iter().find(|session| session.current).unwrap().address
}

#[tokio::test]
async fn the_address_is_found_in_every_form_that_proxies_write() {
    let (server, user) = server(ForwardedHeader::XForwardedFor).await;
    for (values, expected) in [
        (&["192.0.2.1"][..], "192.0.2.1"),
        (&["192.0.2.1:5678"], "192.0.2.1"),
        (&["\"192.0.2.1:5678\""], "192.0.2.1"),
        (&["[2001:db8::1]:443"], "2001:db8::1"),
        (&["\"[2001:db8::1]\""], "2001:db8::1"),
        (&["fe80::1%eth0"], "fe80::1"),
        (&["::ffff:192.0.2.1"], "192.0.2.1"),
        (&["  192.0.2.1 \t"], "192.0.2.1"),
        (&["203.0.113.9, 192.0.2.1:80 ,10.0.0.7:443"], "192.0.2.1"),
        (&["203.0.113.9", "192.0.2.1", "10.0.0.7, [fe80::1%eth0]:1"], "192.0.2.1"),
        (&["unknown"], ""),
        (&["192.0.2.1, unknown, 10.0.0.7"], ""),
        (&["_hidden"], ""),
    ] {
        let headers: Vec<_> = values.iter().map(|value| ("x-forwarded-for", *value)).collect();
        assert_eq!(address(&server, &user, &headers).await, expected, "{values:?}");
    }
    // The other header is anybody's.
    let both = [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.1")];
    assert_eq!(address(&server, &user, &both).await, "192.0.2.1");
    assert_eq!(address(&server, &user, &both[..1]).await, "127.0.0.1");
}

#[tokio::test]
async fn forwarded_is_read_where_it_is_set_and_then_alone() {
    let (server, user) = server(ForwardedHeader::Forwarded).await;
    for (values, expected) in [
        (&["for=192.0.2.1"][..], "192.0.2.1"),
        (&["For=\"192.0.2.1:5678\";proto=https;by=10.0.0.1"], "192.0.2.1"),
        (&["proto=https; for=\"[2001:db8::1]:443\""], "2001:db8::1"),
        (&["for=203.0.113.9, for=192.0.2.1", "for=\"10.0.0.7:80\""], "192.0.2.1"),
        (&["for=\"6.6.6.6, for=192.0.2.1"], "192.0.2.1"),
        (&["for=unknown"], ""),
        (&["for=_gazonk"], ""),
        (&["by=10.0.0.1"], ""),
        (&["192.0.2.1"], ""),
    ] {
        let headers: Vec<_> = values.iter().map(|value| ("forwarded", *value)).collect();
        assert_eq!(address(&server, &user, &headers).await, expected, "{values:?}");
    }
    let other = [("x-forwarded-for", "6.6.6.6")];
    assert_eq!(address(&server, &user, &other).await, "127.0.0.1");
}

#[test]
fn another_header_is_no_setting() {
    let mut start = crate::harness::command::command(&["serve"]);
    start.env("COUNTERSIGN_FORWARDED_HEADER", "x-real-ip");
    let (result, text) = output(start);
    assert!(!result.status.success());
    assert!(text.contains("must be x-forwarded-for or forwarded"), "{text}");
}
