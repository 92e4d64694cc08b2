//! Fields that are in a request twice, or where they do not belong: whoever checks requests on their way might read the
//! other one.

use serde_json::json;

use super::{JSON, Refused, good, me, post, refused};
use crate::{
    admin::official,
    harness::{
        Backend, Server,
        oauth::{ask, bearer_header},
        server::PASSWORD,
    },
};

fn invalid(field: &str) -> Refused {
    Refused::of(400, "INVALID_FIELD", &[field])
}

#[tokio::test]
async fn a_field_that_is_there_twice_is_refused_by_its_name() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    let (name, password) = (&user.username, PASSWORD);
    for (members, field) in [
        (
            format!(r#""username": "nobody", "username": "{name}", "password": "{password}""#),
            "username",
        ),
        (
            format!(r#""username": "{name}", "\u0075sername": "nobody", "password": "{password}""#),
            "username",
        ),
        (
            format!(
                r#""username": "{name}", "password": "{password}", "deviceName": "a", "device_name": "b""#
            ),
            "device_name",
        ),
        (
            format!(
                r#""username": "{name}", "password": "{password}", "device_name": null, "deviceName": "b""#
            ),
            "deviceName",
        ),
        (
            format!(r#""username": "{name}", "password": "{password}", "userName": "nobody""#),
            "userName",
        ),
        (
            format!(r#""username": "{name}", "password": "{password}", "_method": "DELETE""#),
            "_method",
        ),
    ] {
        for path in ["/v1/sessions:login", "/auth.v1.AuthService/Login"] {
            let answer = ask(&server, "POST", path, JSON, &format!("{{{members}}}")).await;
            assert_eq!(answer.status, 400, "{members}: {answer:?}");
            assert!(answer.body.contains(field), "{members}: {answer:?}");
            if path.starts_with("/v1") {
                assert_eq!(refused(&answer), invalid(field), "{members}");
            }
        }
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 0);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of requests in the middle")]
async fn a_field_of_the_path_is_nowhere_else() {
    let server = Server::start(Backend::Sqlite).await;
    let (_, admin) = official(&server, "admin").await;
    let (one, other) = (server.user(false).await, server.user(false).await);
    let headers = bearer_header(&admin.access_token);
    let sessions = format!("/v1/users/{}/sessions", one.id);
    for (method, path, body, field) in [
        ("POST", format!("/v1/users/{}:unlock", one.id), json!({ "id": other.id }), "id"),
        ("POST", format!("/v1/users/{}:unlock", one.id), json!({ "id": one.id }), "id"),
        ("POST", format!("/v1/users/{}:unlock", one.id), json!({ "id": null }), "id"),
        ("POST", format!("{sessions}:revoke"), json!({ "userId": other.id }), "user_id"),
        ("POST", format!("{sessions}:revoke"), json!({ "user_id": other.id }), "user_id"),
        (
            "POST",
            format!("/v1/users/{}:setPassword", one.id),
            json!({ "id": other.id, "password": PASSWORD }),
            "id",
        ),
        (
            "PATCH",
            format!("/v1/users/{}", one.id),
            json!({ "id": other.id, "roles": ["admin"] }),
            "user.id",
        ),
    ] {
        let answer =
            ask(&server, method, &path, &format!("{JSON}{headers}"), &body.to_string()).await;
        assert_eq!(refused(&answer), invalid(field), "{method} {path} {body}");
    }
    for (method, path, field) in [
        ("GET", format!("/v1/users/{}?id={}", one.id, other.id), "id"),
        ("GET", format!("/v1/users/{}?username={}", one.id, other.username), "user"),
        ("GET", format!("{sessions}?userId={}", other.id), "userId"),
        ("DELETE", format!("/v1/users/{}?id={}", one.id, other.id), "id"),
        (
            "DELETE",
            format!("/v1/users/{}?validateOnly=true&validate_only=false", one.id),
            "validate_only",
        ),
        ("DELETE", format!("/v1/users/{}?_method=GET", one.id), "_method"),
        ("GET", format!("/v1/users/{}?_method=DELETE", one.id), "_method"),
        (
            "GET",
            format!("/v1/users:find?username={}&username={}", one.username, other.username),
            "username",
        ),
        ("GET", format!("/v1/users:find?username={}&email={}", one.username, other.email), "user"),
    ] {
        let answer = ask(&server, method, &path, &headers, "").await;
        assert_eq!(refused(&answer), invalid(field), "{method} {path}");
    }
    // The user is the body's, and what is not is the query's.
    let path = format!("/v1/users/{}", one.id);
    for (query, field) in [
        ("user.roles=admin", "user.roles"),
        ("user=x", "user"),
        ("user.id=x", "user.id"),
        ("updateMask=roles&update_mask=email", "update_mask"),
        ("roles=admin", "roles"),
    ] {
        let path = format!("{path}?{query}");
        let answer = ask(&server, "PATCH", &path, &format!("{JSON}{headers}"), "{}").await;
        assert_eq!(refused(&answer), invalid(field), "{query}");
    }
    for user in [one, other] {
        let path = format!("/v1/users/{}", user.id);
        let found = good(&ask(&server, "GET", &path, &headers, "").await);
        assert_eq!(
            (&found["user"]["username"], found["user"].get("roles")),
            (&json!(user.username), None)
        );
        server.session(&user).await;
    }
}

#[tokio::test]
async fn a_rule_with_a_body_takes_no_query_and_one_without_takes_no_body() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let headers = bearer_header(&tokens.access_token);
    let login = json!({ "username": user.username, "password": PASSWORD });
    for query in ["username=nobody", "x=y", "_method=GET", "audience=other", "="] {
        let answer = post(&server, &format!("/v1/sessions:login?{query}"), "", &login).await;
        assert_eq!(refused(&answer), invalid("query"), "{query}");
    }
    good(&post(&server, "/v1/sessions:login?", "", &login).await);
    for (method, path, body) in [
        ("GET", "/v1/me", "{}"),
        ("GET", "/v1/me", "x"),
        ("HEAD", "/v1/me", "{}"),
        ("DELETE", "/v1/me/sessions/x", "{\"sessionId\": \"y\"}"),
    ] {
        let answer = ask(&server, method, path, &format!("{JSON}{headers}"), body).await;
        assert_eq!(answer.status, 400, "{method} {path} {body}");
    }
}

/// Whoever lets GET through would let everything through.
#[tokio::test]
async fn the_method_is_the_requests_own_and_no_header_overrides_it() {
    let server = Server::start(Backend::Sqlite).await;
    let tokens = server.session(&server.user(false).await).await;
    let bearer = bearer_header(&tokens.access_token);
    let path = format!("/v1/me/sessions/{}", tokens.session_id);
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        for method in ["GET", "POST"] {
            let headers = format!("{bearer}{name}: DELETE\r\n");
            let answer = ask(&server, method, &path, &headers, "").await;
            assert_eq!((answer.status, answer.header("allow")), (405, "DELETE"), "{name} {method}");
        }
        let headers = format!("{bearer}{JSON}{name}: POST\r\n");
        let answer = ask(&server, "GET", "/v1/me:delete", &headers, "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{name}");
    }
    good(&me(&server, &tokens.access_token).await);
}

/// A path is what it says: nothing is cut out of it, and nothing in it ends it.
#[tokio::test]
async fn other_spellings_of_a_path_are_other_paths() {
    let server = Server::start(Backend::Sqlite).await;
    let (user, admin) = official(&server, "admin").await;
    let headers = bearer_header(&admin.access_token);
    let id = &user.id;
    for path in [
        "/v1/me/".to_owned(),
        "/v1//me".to_owned(),
        "//v1/me".to_owned(),
        "/v1/./me".to_owned(),
        "/v1/x/../me".to_owned(),
        "/V1/me".to_owned(),
        "/v1/Me".to_owned(),
        "/v1/%6de".to_owned(),
        "/v1/me;x=y".to_owned(),
        "/v1/me%00".to_owned(),
        "/v1/me%20".to_owned(),
        format!("/v1/users/{id}/"),
        format!("/v1/users//{id}"),
        format!("/v1/users/{id}%ff"),
        "/v1/users%2f".to_owned() + id,
        "/v1/".to_owned(),
        "/v1".to_owned(),
        "/v2/me".to_owned(),
    ] {
        let answer = ask(&server, "GET", &path, &headers, "").await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    // In a variable anything is a text.
    for text in ["..", "a%2fb", "%2e%2e", "%00", "x;y", "x%3Aunlock", "*", "%7Bid%7D", "x+y"] {
        let path = format!("/v1/users/{text}");
        let found = refused(&ask(&server, "GET", &path, &headers, "").await);
        assert_eq!((found.status, &found.fields[..]), (400, &["id".to_owned()][..]), "{text}");
    }
    good(&ask(&server, "GET", &format!("/v1/users/{id}"), &headers, "").await);
    let escaped = id.replace('-', "%2D");
    good(&ask(&server, "GET", &format!("/v1/users/{escaped}"), &headers, "").await);
}
