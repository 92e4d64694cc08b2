//! Web pages of other origins.

use countersign::domain::Origins;
use serde_json::json;

use super::{JSON, post};
use crate::harness::{
    Backend, Server,
    oauth::{Answer, ask, bearer_header},
    server::PASSWORD,
};

const OURS: &str = "https://app.example.com";
const ALLOWED: &str = "access-control-allow-origin";

async fn server(origins: &str) -> Server {
    let origins = Origins::parse(origins).unwrap();
    Server::start_with(Backend::Sqlite, |config, _| config.listen.origins = origins).await
}

/// What a browser asks before a page of that origin may post JSON with a token.
async fn preflight(server: &Server, origin: &str, path: &str) -> Answer {
    let headers = format!(
        "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: authorization, content-type, connect-protocol-version\r\n"
    );
    ask(server, "OPTIONS", path, &headers, "").await
}

#[tokio::test]
async fn pages_of_the_origins_that_are_named_may_call_and_no_others() {
    let server = server(OURS).await;
    for path in ["/v1/sessions:login", "/auth.v1.AuthService/Login"] {
        let answer = preflight(&server, OURS, path).await;
        assert_eq!((answer.status, answer.header(ALLOWED)), (200, OURS), "{answer:?}");
        for header in ["authorization", "content-type", "connect-protocol-version", "x-grpc-web"] {
            let allowed = answer.header("access-control-allow-headers");
            assert!(allowed.split(',').any(|name| name == header), "{header}: {allowed}");
        }
        for stranger in ["https://evil.example", "null", "https://app.example.com.evil.example"] {
            assert_eq!(preflight(&server, stranger, path).await.header(ALLOWED), "", "{stranger}");
        }
    }
    let login = json!({ "username": "nobody", "password": PASSWORD });
    let answer = post(&server, "/v1/sessions:login", &format!("Origin: {OURS}\r\n"), &login).await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (401, OURS));
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("grpc-status-details-bin"), "{exposed}");
    assert!(answer.header("vary").contains("origin"), "{answer:?}");
}

/// A browser would send cookies along, if there were any.
#[tokio::test]
async fn credentials_are_never_allowed() {
    for origins in [OURS, "*"] {
        let server = server(origins).await;
        let preflight = preflight(&server, OURS, "/v1/me").await;
        assert!(!preflight.header(ALLOWED).is_empty(), "{origins}: {preflight:?}");
        let called = ask(&server, "GET", "/v1/me", &format!("Origin: {OURS}\r\n{JSON}"), "").await;
        for answer in [preflight, called] {
            assert_eq!(answer.header("access-control-allow-credentials"), "", "{answer:?}");
        }
    }
}

/// Codes are on the page of development, whose inbox other pages must not read.
#[tokio::test]
async fn the_pages_are_for_no_other_origin() {
    let server = server("*").await;
    for path in ["/dev/inbox", "/", "/docs", "/openapi.json"] {
        let answer = ask(&server, "GET", path, &format!("Origin: {OURS}\r\n"), "").await;
        assert_eq!(answer.header(ALLOWED), "", "{path}: {answer:?}");
    }
}

/// A script can post an empty body of no type to another site unasked, and a browser adds a client certificate (CSRF).
#[tokio::test]
async fn a_page_that_says_no_type_of_its_body_is_refused() {
    let server = server("*").await;
    let tokens = server.session(&server.user(false).await).await;
    let bearer = bearer_header(&tokens.access_token);
    let path = "/v1/me/sessions:revokeOthers";
    for page in [format!("Origin: {OURS}\r\n"), "Sec-Fetch-Site: cross-site\r\n".to_owned()] {
        let answer = ask(&server, "POST", path, &format!("{page}{bearer}"), "").await;
        assert_eq!(answer.status, 415, "{page}: {answer:?}");
    }
    assert_eq!(ask(&server, "POST", path, &bearer, "").await.status, 200, "who is no page may");
}

#[tokio::test]
async fn where_rpcs_are_off_http_has_none() {
    let server = Server::start_with(Backend::Sqlite, |config, _| config.listen.http_rpcs = false);
    let server = server.await;
    for path in ["/v1/sessions:login", "/auth.v1.AuthService/Login", "/v1/tokens:introspect"] {
        assert_eq!(ask(&server, "POST", path, JSON, "{}").await.status, 404, "{path}");
    }
    assert_eq!(ask(&server, "GET", "/.well-known/jwks.json", "", "").await.status, 200);
}
