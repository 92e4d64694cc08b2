//! Where there is nobody to ask, and who may not ask.

use countersign::pb::ext_authz::envoy::service::auth::v3::{
    CheckRequest, attribute_context::HttpRequest, authorization_client::AuthorizationClient,
};
use tonic::{Code, Request, Status};

use super::{Scene, request, status};
use crate::{
    callers::policy,
    harness::{
        Backend, Server,
        oauth::{self, machine},
        reason,
    },
    http,
};

const RULES: &str = r#"{"path_prefix": "/", "access": "open"}"#;

/// Envoy then refuses, unless it is told to let pass (`failure_mode_allow`).
#[tokio::test]
async fn without_rules_there_is_no_such_service() {
    let server = Server::start(Backend::Sqlite).await;
    let mut client = AuthorizationClient::new(server.channel.clone());
    let refused = client.check(CheckRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused:?}");
    assert_eq!(reason(&refused), "UNIMPLEMENTED");
}

/// An error would pass where Envoy is told to let pass what its authorizer fails at.
#[tokio::test]
async fn what_is_no_request_is_refused_and_no_error() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let empty = scene.client.clone().check(CheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(status(&empty), 400);
    for (method, path) in [("", "/"), ("GET", ""), ("GET", "*"), ("GET", "http://a/b")] {
        assert_eq!(status(&scene.check(request(method, path, &[])).await), 400, "{method} {path}");
    }
    // Callers can send bytes that are no text, and Envoy passes them on.
    let plain = || request("GET", "/a", &[]);
    for request in [
        HttpRequest { path: b"/a?q=\xff".into(), ..plain() },
        HttpRequest { path: b"/\xff".into(), ..plain() },
        HttpRequest { host: b"a\xff".into(), ..plain() },
        HttpRequest { method: b"GET\xff".into(), ..plain() },
    ] {
        assert_eq!(status(&scene.check(request).await), 400);
    }
    let metrics = http::get(scene.server.http, "/metrics").await.1;
    let counted =
        r#"countersign_authz_checks_total{decision="refused",reason="invalid_request"} 9"#;
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
}

/// Envoy takes heads of 60 KiB by its default.
#[tokio::test]
async fn a_request_may_have_a_large_head() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let large = "x".repeat(100 * 1024);
    assert_eq!(status(&scene.check(request("GET", "/", &[("x-large", &large)])).await), 200);
}

#[tokio::test]
async fn it_is_no_part_of_what_http_answers() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let head = "POST /envoy.service.auth.v3.Authorization/Check HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let body = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let answer = oauth::send(scene.server.http, format!("{head}{body}").as_bytes()).await;
    assert_eq!(answer.status, 404, "{answer:?}");
}

async fn asked(scene: &Scene, key: &str) -> Result<i32, Status> {
    let mut asked = Request::new(CheckRequest::default());
    if !key.is_empty() {
        let value = format!("Bearer {key}").parse().unwrap();
        asked.metadata_mut().insert("authorization", value);
    }
    Ok(status(&scene.client.clone().check(asked).await?.into_inner()))
}

#[tokio::test]
async fn where_there_is_a_policy_the_proxy_must_have_the_permission() {
    let scene = Scene::start_with(Backend::Sqlite, RULES, |config, _| {
        config.listen.callers = policy("spiffe://example.org/envoy = authorize");
    })
    .await;
    let refused = asked(&scene, "").await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::PermissionDenied, "PERMISSION_MISSING")
    );
    let other = machine(&scene.server, "introspect").await;
    let refused = asked(&scene, &other.key).await.unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let proxy = machine(&scene.server, "authorize").await;
    assert_eq!(asked(&scene, &proxy.key).await.unwrap(), 400);
}
