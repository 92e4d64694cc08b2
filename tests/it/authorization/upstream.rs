//! What the upstream is told of the caller, and what of a caller's own headers never reaches it.

use countersign::pb::ext_authz::envoy::service::auth::v3::CheckResponse;
use prost_types::value::Kind;

use super::{Scene, allowed, headers, request};
use crate::{
    admin::grant,
    harness::{Backend, jwt},
};

const OURS: [&str; 6] = [
    "x-auth-user-id",
    "x-auth-username",
    "x-auth-roles",
    "x-auth-session-id",
    "x-auth-service-id",
    "x-auth-revocations",
];

async fn asked(scene: &Scene, path: &str, given: &[(&str, &str)]) -> CheckResponse {
    scene.check(request("GET", path, given)).await
}

/// The value of a text in the metadata.
fn told(answer: &CheckResponse, name: &str) -> Option<String> {
    match answer.dynamic_metadata.as_ref()?.fields.get(name)?.kind.clone()? {
        Kind::StringValue(text) => Some(text),
        Kind::NumberValue(number) => Some(number.to_string()),
        Kind::ListValue(list) => Some(format!("{} members", list.values.len())),
        Kind::NullValue(_) | Kind::BoolValue(_) | Kind::StructValue(_) => None,
    }
}

#[tokio::test]
async fn a_users_token_says_who_the_caller_is() {
    let scene = Scene::start(Backend::Sqlite, r#"{"path_prefix": "/"}"#).await;
    let user = scene.server.user(false).await;
    grant(&scene.server.database, &user.username, "support").await;
    let token = scene.server.session(&user).await.access_token;
    let claims = jwt::claims(&token);
    let given = [("authorization", &*format!("Bearer {token}"))];
    let answer = asked(&scene, "/a", &given).await;
    for (name, value) in [
        ("user_id", &*user.id),
        ("username", &*user.username),
        ("session_id", claims["sid"].as_str().unwrap()),
        ("roles", "1 members"),
        ("amr", "1 members"),
        ("rule", "1"),
    ] {
        assert_eq!(told(&answer, name).as_deref(), Some(value), "{name}");
    }
    let allowed = allowed(answer);
    let told = headers(&allowed.headers);
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told["x-auth-user-id"], user.id);
    assert_eq!(told["x-auth-username"], user.username);
    assert_eq!(told["x-auth-roles"], "support");
    assert_eq!(told["x-auth-session-id"], claims["sid"].as_str().unwrap());
    // Those that are not set are taken away, and those that are set replace what is there.
    assert_eq!(allowed.headers_to_remove, ["x-auth-service-id", "x-auth-revocations"]);
}

#[tokio::test]
async fn a_services_token_says_which_service_calls() {
    let scene = Scene::start(Backend::Sqlite, r#"{"path_prefix": "/", "scopes": ["a"]}"#).await;
    let token = scene.service_token("a").await;
    let given = [("authorization", &*format!("Bearer {token}"))];
    let allowed = allowed(asked(&scene, "/a", &given).await);
    let told = headers(&allowed.headers);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told["x-auth-service-id"], jwt::claims(&token)["sub"].as_str().unwrap());
    assert!(allowed.headers_to_remove.contains(&"x-auth-user-id".to_owned()));
}

/// Also on paths that are open, and in spellings that some servers take for the same.
#[tokio::test]
async fn no_caller_names_themselves() {
    let rules = r#"{"path_prefix": "/open", "access": "open"},
        {"path_prefix": "/", "headers": {"x-tenant": "tenant"}}"#;
    let scene = Scene::start(Backend::Sqlite, rules).await;
    let forged = [
        ("x-auth-user-id", "root"),
        ("x_auth_user_id", "root"),
        ("x-auth_roles", "admin"),
        // Nobody has said these: what begins so is for nobody else to say.
        ("x-auth-email", "root@example.org"),
        ("x_auth_admin", "true"),
        ("x-auth-", "x"),
        ("x-author", "stays"),
        ("x-tenant", "another"),
        ("x_tenant", "another"),
        ("x-other_header", "stays"),
    ];
    let allowed = allowed(asked(&scene, "/open/a", &forged).await);
    assert!(allowed.headers.is_empty());
    let removed = &allowed.headers_to_remove;
    let forged = [
        "x_auth_user_id",
        "x-auth_roles",
        "x-auth-email",
        "x_auth_admin",
        "x-auth-",
        "x-tenant",
        "x_tenant",
    ];
    for name in OURS.iter().chain(&forged) {
        assert!(removed.contains(&(*name).to_owned()), "{name} stays: {removed:?}");
    }
    assert_eq!(removed.len(), OURS.len() + forged.len(), "{removed:?}");
}

#[tokio::test]
async fn a_rule_fills_headers_from_claims_and_what_is_no_text_is_escaped() {
    let rules = r#"{"path_prefix": "/", "headers": {"x-tenant": "tenant", "x-plan": "plan", "x-teams": "teams",
        "x-seats": "seats", "x-of": "of", "x-absent": "absent", "x-sub": "sub"}}"#;
    let scene = Scene::start(Backend::Sqlite, rules).await;
    let user = scene.server.user(false).await;
    let claims = r#"{"tenant": "Käse & Söhne", "plan": "100%\r\nx-auth-roles: admin", "teams": ["a,b", "c"], "seats": 5, "of": {"a": 1}}"#;
    let set = format!("UPDATE users SET claims = '{claims}' WHERE id = {}", id_of(&user.id));
    scene.server.database.run(&set).await;
    let token = scene.server.session(&user).await.access_token;
    let given = [("authorization", &*format!("Bearer {token}"))];
    let allowed = allowed(asked(&scene, "/a", &given).await);
    let told = headers(&allowed.headers);
    for (name, value) in [
        ("x-tenant", "K%C3%A4se%20&%20S%C3%B6hne"),
        ("x-plan", "100%25%0D%0Ax-auth-roles:%20admin"),
        ("x-teams", "a%2Cb,c"),
        ("x-seats", "5"),
        ("x-sub", &*user.id),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name}");
    }
    for name in ["x-of", "x-absent"] {
        assert!(!told.contains_key(name) && allowed.headers_to_remove.contains(&name.to_owned()));
    }
}

/// As SQLite has it.
fn id_of(uuid: &str) -> String {
    format!("x'{}'", uuid.replace('-', ""))
}

#[tokio::test]
async fn the_token_is_kept_from_the_upstream_where_a_rule_says_so() {
    let rules = r#"{"path": "/open", "access": "open", "strip_token": true}, {"path": "/kept"},
        {"path": "/stripped", "strip_token": true}"#;
    let scene = Scene::start(Backend::Sqlite, rules).await;
    let user = scene.server.user(false).await;
    let token = scene.server.session(&user).await.access_token;
    let bearer = format!("Bearer {token}");
    let removed = async |path: &str, given: &[(&str, &str)]| {
        let allowed = allowed(asked(&scene, path, given).await);
        let of_token = |name: &&String| ["authorization", "cookie"].contains(&name.as_str());
        let removed: Vec<_> = allowed.headers_to_remove.iter().filter(of_token).cloned().collect();
        (removed, headers(&allowed.headers).remove("cookie"))
    };
    let header = [("authorization", &*bearer)];
    assert_eq!(removed("/kept", &header).await, (vec![], None));
    assert_eq!(removed("/stripped", &header).await.0, ["authorization"]);
    assert_eq!(removed("/open", &header).await.0, ["authorization"]);
    let cookie = [("cookie", &*format!("session={token}"))];
    assert_eq!(removed("/kept", &cookie).await, (vec![], None));
    assert_eq!(removed("/stripped", &cookie).await.0, ["authorization", "cookie"]);
    let others = [("cookie", &*format!("theme=dark; session={token}; lang=de"))];
    let (taken, left) = removed("/stripped", &others).await;
    assert_eq!(
        (taken, left.as_deref()),
        (vec!["authorization".to_owned()], Some("theme=dark; lang=de"))
    );
    // Both are there: the header counts, and neither is passed on.
    let both = [("authorization", &*bearer), ("cookie", "session=x")];
    assert_eq!(removed("/stripped", &both).await.0, ["authorization", "cookie"]);
}
