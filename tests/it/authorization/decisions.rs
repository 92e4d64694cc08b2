//! What each kind of rule lets pass, and what it tells those that it does not.

use std::time::Duration;

use countersign::pb::{
    LoginRequest, Tokens, ext_authz::envoy::service::auth::v3::attribute_context::HttpRequest,
    login_response::Result as Logged,
};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{Scene, denied, get, headers, request, status};
use crate::{
    admin::{Office, grant},
    harness::{Backend, eventually, on_both, server::PASSWORD},
};

const RULES: &str = r#"
    {"path_prefix": "/public", "access": "open"},
    {"path_prefix": "/admin", "roles": ["admin"]},
    {"path": "/orders/{id}", "methods": ["GET"], "scopes": ["orders.read"]},
    {"path": "/other", "audience": "other"},
    {"path": "/pay", "max_login_age": "5m"},
    {"path": "/transfer", "second_factor": true},
    {"path": "/users-only", "access": "user", "scopes": ["orders.read"]},
    {"path": "/services-only", "access": "service", "scopes": ["orders.read"]},
    {"grpc": "shop.v1.Orders/List", "roles": ["admin"]},
    {"hosts": ["shop.example.org"], "path": "/me"}
"#;

#[apply(on_both)]
#[tokio::test]
async fn a_rule_lets_pass_whoever_meets_it(backend: Backend) {
    let scene = Scene::start(backend, RULES).await;
    let server = &scene.server;
    let (user, admin) = (server.user(false).await, server.user(false).await);
    grant(&server.database, &admin.username, "admin").await;
    let user = server.session(&user).await.access_token;
    let admin = server.session(&admin).await.access_token;
    let strong = server.session_by_mail(&server.user(true).await).await.access_token;
    let reader = scene.service_token("orders.read").await;
    let stranger = scene.service_token("stock.read").await;
    for (path, [nobody, of_user, of_admin, of_strong, of_reader, of_stranger]) in [
        ("/public/a", [200, 200, 200, 200, 200, 200]),
        ("/me", [401, 200, 200, 200, 403, 403]),
        ("/admin/x", [401, 403, 200, 403, 403, 403]),
        // A user's own token is not limited by a scope.
        ("/orders/7", [401, 200, 200, 200, 200, 403]),
        ("/other", [401, 403, 403, 403, 403, 403]),
        ("/pay", [401, 200, 200, 200, 403, 403]),
        ("/transfer", [401, 401, 401, 200, 403, 403]),
        ("/users-only", [401, 200, 200, 200, 403, 403]),
        ("/services-only", [401, 403, 403, 403, 200, 403]),
        ("/no/such/rule", [403, 403, 403, 403, 403, 403]),
        ("/public/../admin", [400, 400, 400, 400, 400, 400]),
        // No rule is there for it, and one for `/admin`, which some server takes it for.
        ("/Admin", [400, 400, 400, 400, 400, 400]),
    ] {
        for (whose, token, expected) in [
            ("nobody", "", nobody),
            ("a user", &*user, of_user),
            ("an administrator", &*admin, of_admin),
            ("a user with a second factor", &*strong, of_strong),
            ("a service with the scope", &*reader, of_reader),
            ("another service", &*stranger, of_stranger),
        ] {
            assert_eq!(scene.status(path, token).await, expected, "{path} by {whose}");
        }
    }
    let elsewhere = HttpRequest { host: "api.example.org".into(), ..get("/me", &user) };
    assert_eq!(status(&scene.check(elsewhere).await), 403);
    advance(&scene, &user).await;
    assert_eq!(scene.status("/pay", &user).await, 401);
}

/// More than five minutes go by. Then the revocations were read long ago, until they are read again.
async fn advance(scene: &Scene, token: &str) {
    scene.server.clock.advance(Duration::from_secs(301));
    eventually("the log is read", async || scene.status("/me", token).await == 200).await;
}

#[tokio::test]
async fn a_token_for_the_audience_of_the_rule_passes() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let user = scene.server.user(false).await;
    let request = LoginRequest {
        username: user.username,
        password: PASSWORD.to_owned(),
        audience: "other".to_owned(),
        ..LoginRequest::default()
    };
    let logged = scene.server.auth.clone().login(request).await.unwrap().into_inner().result;
    let Some(Logged::Tokens(Tokens { access_token, .. })) = logged else { panic!("{logged:?}") };
    assert_eq!(scene.status("/other", &access_token).await, 200);
}

/// The challenge of a refusal, and the rest of its answer as JSON.
async fn refusal(scene: &Scene, path: &str, token: &str) -> (Option<String>, Value) {
    let denied = denied(scene.check(get(path, token)).await);
    let mut headers = headers(&denied.headers);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["cache-control"], "no-store");
    let body: Value = serde_json::from_str(&denied.body).unwrap();
    assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    (headers.remove("www-authenticate"), body["error"].clone())
}

#[tokio::test]
async fn a_refusal_says_what_is_missing() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let user = scene.server.user(false).await;
    let token = scene.server.session(&user).await.access_token;
    let service = scene.service_token("stock.read").await;
    let of = |error: &str, rest: &str, description: &str| {
        format!("Bearer error=\"{error}\", error_description=\"{description}\"{rest}")
    };
    // RFC 6750, section 3.1: nothing of an error to whoever shows no token.
    let (challenge, error) = refusal(&scene, "/me", "").await;
    assert_eq!((challenge.as_deref(), error), (Some("Bearer"), json!("token_missing")));
    let (challenge, error) = refusal(&scene, "/me", "a.b.c").await;
    let invalid = of("invalid_token", "", "the token is not valid");
    assert_eq!((challenge, error), (Some(invalid), json!("invalid_token")));
    let (challenge, error) = refusal(&scene, "/orders/7", &service).await;
    let scope = of("insufficient_scope", ", scope=\"orders.read\"", "the token lacks a scope");
    assert_eq!((challenge, error), (Some(scope), json!("insufficient_scope")));
    let (challenge, error) = refusal(&scene, "/admin", &token).await;
    let role = of("insufficient_scope", "", "the user has none of the roles");
    assert_eq!((challenge, error), (Some(role), json!("insufficient_scope")));
    // RFC 9470, section 3.
    advance(&scene, &token).await;
    let (challenge, error) = refusal(&scene, "/pay", &token).await;
    let again = "the login is too old, or was without a second factor: log in again";
    let age = of("insufficient_user_authentication", ", max_age=\"300\"", again);
    assert_eq!((challenge, error), (Some(age), json!("insufficient_user_authentication")));
    let (challenge, error) = refusal(&scene, "/no/such/rule", &token).await;
    assert_eq!((challenge, error), (None, json!("access_denied")));
    let (challenge, error) = refusal(&scene, "/a//b", &token).await;
    assert_eq!((challenge, error), (None, json!("invalid_request")));
}

/// Envoy makes the code of the HTTP status, and INTERNAL of 400.
#[tokio::test]
async fn a_grpc_caller_gets_a_status_that_envoy_has_a_code_for_and_no_json() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let user = scene.server.user(false).await;
    let token = scene.server.session(&user).await.access_token;
    let bearer = format!("Bearer {token}");
    for (path, authorization, expected) in [
        ("/shop.v1.Orders/List", "", 401),
        ("/shop.v1.Orders/List", &*bearer, 403),
        ("/shop.v1.Orders/Get", &*bearer, 403),
        ("/shop.v1.Orders//List", &*bearer, 403),
    ] {
        let called = [("content-type", "application/grpc"), ("authorization", authorization)];
        let answer = scene.check(request("POST", path, &called)).await;
        assert_eq!(status(&answer), expected, "{path}");
        let denied = denied(answer);
        assert!(!denied.body.is_empty() && !denied.body.starts_with('{'), "{}", denied.body);
        assert!(!headers(&denied.headers).contains_key("content-type"));
    }
}

/// Each ends tokens in another way; all are seen at once by the replica that ended them.
#[apply(on_both)]
#[tokio::test]
async fn what_has_ended_passes_no_more(backend: Backend) {
    let scene = Scene::start(backend, RULES).await;
    let office = Box::pin(Office::of(scene.server.replica(|_, _| {}).await)).await;
    let server = &scene.server;
    let user = server.user(false).await;
    let (first, second) = (server.session(&user).await, server.session(&user).await);
    for tokens in [&first, &second] {
        assert_eq!(scene.status("/me", &tokens.access_token).await, 200);
    }
    server.logout(&first.refresh_token).await.unwrap();
    assert_eq!(scene.status("/me", &first.access_token).await, 401);
    assert_eq!(scene.status("/me", &second.access_token).await, 200);
    // By another replica: within a second, which the log's polling bounds.
    assert_eq!(office.revoke(&user.id, "").await.unwrap(), 1);
    let ended = async || scene.status("/me", &second.access_token).await == 401;
    eventually("the end of the session", ended).await;
}

/// The path and the method are the same in all: what an upstream may take in their place is not.
#[tokio::test]
async fn what_an_upstream_may_read_otherwise_is_refused() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let many = (0..20_000).map(|number| format!("m{number}")).collect::<Vec<_>>().join(",");
    for header in [
        ("x-original-url", "/admin"),
        ("x_rewrite_url", "/admin"),
        ("x_http_method_override", "1"),
        ("x-http-method-override", &*many),
    ] {
        assert_eq!(status(&scene.check(request("GET", "/public/a", &[header])).await), 400);
    }
    for same in [("x-original-url", "/public/b"), ("x-http-method-override", "PUT")] {
        assert_eq!(status(&scene.check(request("GET", "/public/a", &[same])).await), 200);
    }
    for host in ["shop.example.org:80a", "x@shop.example.org", "shop.example.org.."] {
        let other = HttpRequest { host: host.into(), ..request("GET", "/public/a", &[]) };
        assert_eq!(status(&scene.check(other).await), 400, "{host}");
    }
}

#[tokio::test]
async fn every_decision_is_counted_with_its_reason() {
    let scene = Scene::start(Backend::Sqlite, RULES).await;
    let user = scene.server.user(false).await;
    let token = scene.server.session(&user).await.access_token;
    for (path, token) in [
        ("/public", ""),
        ("/me", &*token),
        ("/me", ""),
        ("/me", "a.b.c"),
        ("/admin", &*token),
        ("/transfer", &*token),
        ("/no/such/rule", ""),
        ("/a//b", ""),
    ] {
        scene.status(path, token).await;
    }
    let metrics = crate::http::get(scene.server.http, "/metrics").await.1;
    for (decision, reason) in [
        ("allowed", "open"),
        ("allowed", "token"),
        ("refused", "token_missing"),
        ("refused", "invalid_token"),
        ("refused", "insufficient_scope"),
        ("refused", "insufficient_user_authentication"),
        ("refused", "access_denied"),
        ("refused", "invalid_request"),
    ] {
        let line = format!(
            "countersign_authz_checks_total{{decision=\"{decision}\",reason=\"{reason}\"}} 1"
        );
        assert!(metrics.lines().any(|found| found == line), "{line}\nis not in\n{metrics}");
    }
}
