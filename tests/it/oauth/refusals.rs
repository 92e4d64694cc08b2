//! Requests that are wrong before any client is looked at. Each answer has an `error`: Authlib takes one without it for a
//! token.

use std::time::Duration;

use countersign::domain::TrustedProxies;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{INTROSPECT, REVOKE, TOKEN};
use crate::harness::{
    Backend, Server,
    oauth::{ask, basic, machine, machine_with, post, token},
    signer::Signer,
    soon,
};

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "introspect").await;
    let header = basic(&cart.id, &cart.key);
    let form = "grant_type=client_credentials&token=x";
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    for path in [TOKEN, INTROSPECT, REVOKE] {
        for (headers, body) in [
            (String::new(), form.to_owned()),
            (
                "Content-Type: application/json\r\n".into(),
                "{\"grant_type\":\"client_credentials\"}".into(),
            ),
            ("Content-Type: text/plain\r\n".into(), form.to_owned()),
            ("Content-Type: multipart/form-data; boundary=x\r\n".into(), form.to_owned()),
            ("Content-Type: application/x-www-form-urlencodedx\r\n".into(), form.to_owned()),
            (kind.into(), String::new()),
            (kind.into(), format!("{form}&grant_type=client_credentials&token=x")),
            (kind.into(), format!("{form}&scope=a&scope=b")),
            (kind.into(), format!("{form}&unknown=a&unknown=a")),
            (kind.into(), format!("{form}&x={}", "x".repeat(64 * 1024))),
        ] {
            let answer = ask(&server, "POST", path, &format!("{headers}{header}"), &body).await;
            let size = body.len();
            assert_eq!(
                answer.refused(),
                (400, "invalid_request".to_owned()),
                "{path} {headers} {size}"
            );
        }
        // Nor does a body that fits, of the type in any case and with parameters.
        let room = 64 * 1024 - form.len() - "&x=".len();
        let body = format!("{form}&x={}", "x".repeat(room));
        let kind = "content-type: Application/X-WWW-Form-URLencoded ; charset=UTF-8\r\n";
        let answer = ask(&server, "POST", path, &format!("{kind}{header}"), &body).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn an_unknown_grant_and_a_missing_one_are_told_apart() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "a").await;
    let header = basic(&cart.id, &cart.key);
    for grant in
        ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS", "\"\\\u{7f}"]
    {
        let answer = post(&server, TOKEN, &header, &[("grant_type", grant)]).await;
        assert_eq!(answer.refused(), (400, "unsupported_grant_type".to_owned()), "{grant}");
    }
    for form in [&[][..], &[("grant_type", "")], &[("grant-type", "client_credentials")]] {
        let answer = post(&server, TOKEN, &header, form).await;
        assert_eq!(answer.refused(), (400, "invalid_request".to_owned()), "{form:?}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_have_an_error_too() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "introspect").await;
    let header = basic(&cart.id, &cart.key);
    let query = "grant_type=client_credentials&token=x";
    for path in [TOKEN, INTROSPECT, REVOKE] {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let answer = ask(&server, method, &format!("{path}?{query}"), &header, "").await;
            assert_eq!(answer.refused(), (405, "invalid_request".to_owned()), "{method} {path}");
            assert_eq!(answer.header("allow"), "POST", "{method} {path}");
        }
        let answer = ask(&server, "HEAD", path, &header, "").await;
        assert_eq!((answer.status, &*answer.body), (405, ""));
    }
    for path in [
        "/oauth2/token/",
        "/oauth2//token",
        "/OAuth2/token",
        "/oauth2/%74oken",
        "/oauth/token",
        "/token",
    ] {
        let answer = post(&server, path, &header, &[("grant_type", "client_credentials")]).await;
        assert_eq!(answer.refused(), (404, "invalid_request".to_owned()), "{path}");
    }
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/readyz"] {
        let answer = ask(&server, "POST", path, "", "").await;
        assert_eq!(answer.refused(), (405, "invalid_request".to_owned()), "{path}");
        let answer = ask(&server, "HEAD", path, "", "").await;
        assert_eq!((answer.status, &*answer.body), (200, ""), "{path}");
    }
}

#[tokio::test]
async fn while_the_database_is_away_the_answer_says_to_try_again() {
    let server = Server::start(Backend::Postgres).await;
    let cart = machine(&server, "introspect").await;
    server.database.set_away(true).await;
    for (path, form) in [
        (TOKEN, ("grant_type", "client_credentials")),
        (INTROSPECT, ("token", "x")),
        (REVOKE, ("token", "x")),
    ] {
        let answer = post(&server, path, &basic(&cart.id, &cart.key), &[form]).await;
        assert_eq!(answer.refused(), (503, "temporarily_unavailable".to_owned()), "{path}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    server.database.set_away(false).await;
}

/// A signature is checked, and a key set may be fetched: assertions count against their address, which a trusted proxy
/// tells. Keys do not: they cost less than the count.
#[tokio::test]
async fn assertions_are_limited_by_the_address_that_a_trusted_proxy_forwards() {
    let signer = Signer::new("a");
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
        config.policy.address_rate = 1;
    })
    .await;
    let cart = machine_with(&server, "a", |request| {
        request.assertion_keys.jwks = Some(signer.jwks().to_string());
    })
    .await;
    let now = server.clock.now().unix_seconds();
    let ask = async |jti: u32, from: &str| {
        let claims = json!({
            "iss": cart.id, "sub": cart.id, "aud": "http://localhost:8080", "exp": now + 60,
            "jti": jti.to_string(),
        });
        let jwt = signer.sign(&claims);
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = [("client_assertion", &*jwt), ("client_assertion_type", kind)];
        token(&server, &format!("X-Forwarded-For: {from}\r\n"), &form).await
    };
    server.clock.stop();
    let mut jti = 0;
    let refused = loop {
        jti += 1;
        let answer = ask(jti, "192.0.2.1").await;
        if answer.status != 200 {
            break answer;
        }
        assert!(jti < 100, "no limit");
    };
    assert_eq!(refused.refused(), (429, "temporarily_unavailable".to_owned()));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(ask(101, "192.0.2.2").await.status, 200, "another address");
    let headers = format!("X-Forwarded-For: 192.0.2.1\r\n{}", basic(&cart.id, &cart.key));
    let by_key = token(&server, &headers, &[]).await.token();
    // A revocation is told to every verifier, by whatever the service proves itself.
    let refused = post(&server, REVOKE, &headers, &[("token", &by_key)]).await;
    assert_eq!(refused.refused(), (429, "temporarily_unavailable".to_owned()));
    let other = headers.replace("192.0.2.1", "192.0.2.3");
    assert_eq!(post(&server, REVOKE, &other, &[("token", &by_key)]).await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.http_limits.answer_deadline = Duration::from_millis(100);
    })
    .await;
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    let head = format!(
        "POST {TOKEN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _reset = soon("the end", socket.read_to_end(&mut answer)).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
}
