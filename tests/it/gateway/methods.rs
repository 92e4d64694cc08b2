//! Methods and paths.

use std::collections::BTreeMap;

use tonic::Code;

use super::{
    JSON, Refused,
    contract::{rpcs, rules},
    good, refused,
    ways::of_connect,
};
use crate::harness::{
    Backend, Server,
    oauth::{ask, bearer_header},
};

const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];

/// The methods of each path of the rules.
fn paths() -> BTreeMap<String, Vec<String>> {
    let mut paths = BTreeMap::<String, Vec<String>>::new();
    for (_, rule) in rules() {
        paths.entry(rule.at("x")).or_default().push(rule.method);
    }
    paths
}

#[tokio::test]
async fn a_method_without_a_rule_is_refused_and_those_with_one_are_told() {
    let server = Server::start(Backend::Sqlite).await;
    for (path, mut with_rule) in paths() {
        // A HEAD is a GET whose body is left out.
        with_rule.extend(with_rule.contains(&"GET".to_owned()).then(|| "HEAD".to_owned()));
        with_rule.sort();
        for method in METHODS {
            let answer = ask(&server, method, &path, "", "").await;
            if with_rule.iter().any(|known| known == method) {
                assert!(![404, 405, 501].contains(&answer.status), "{method} {path}: {answer:?}");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            let mut allowed: Vec<_> = answer.header("allow").split(", ").collect();
            allowed.sort_unstable();
            assert_eq!(allowed, with_rule, "{method} {path}");
            if method != "HEAD" {
                assert_eq!(refused(&answer), Refused::of(405, "INVALID_FIELD", &["method"]));
            }
        }
    }
}

#[tokio::test]
async fn connect_is_by_post_and_by_get_where_nothing_changes() {
    let server = Server::start(Backend::Sqlite).await;
    for rpc in rpcs() {
        for method in METHODS {
            if method == "POST" || method == "GET" && rpc.is_safe {
                continue;
            }
            let answer = ask(&server, method, &rpc.path, "", "").await;
            let allowed = if rpc.is_safe { "GET, POST" } else { "POST" };
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, allowed),
                "{method} {}",
                rpc.path
            );
        }
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Server::start(Backend::Sqlite).await;
    let tokens = server.session(&server.user(false).await).await;
    let bearer = bearer_header(&tokens.access_token);
    for (headers, status) in [(&*bearer, 200), ("", 401)] {
        let get = ask(&server, "GET", "/v1/me", headers, "").await;
        let head = ask(&server, "HEAD", "/v1/me", headers, "").await;
        assert_eq!((get.status, head.status, &*head.body), (status, status, ""));
        // An error has the id of its request in it.
        for name in ["content-type", "content-length", "cache-control", "www-authenticate"] {
            assert_eq!(get.header(name), head.header(name), "{name}");
        }
    }
}

/// No browser may call from another site (CORS is off).
#[tokio::test]
async fn a_preflight_is_refused() {
    let server = Server::start(Backend::Sqlite).await;
    let headers = "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\
                   Access-Control-Request-Headers: content-type,authorization\r\n";
    for path in ["/v1/sessions:login", "/auth.v1.AuthService/Login"] {
        let answer = ask(&server, "OPTIONS", path, headers, "").await;
        assert_eq!(answer.status, 405, "{answer:?}");
        let opened = answer.headers.keys().any(|name| name.as_str().starts_with("access-control"));
        assert!(!opened, "{answer:?}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let server = Server::start(Backend::Sqlite).await;
    for path in
        ["/v1/invented", "/v1/users:invented", "/v1/me/sessions/a/b", "/v1/users/a:invented"]
    {
        for method in ["GET", "POST"] {
            let answer = ask(&server, method, path, "", "").await;
            assert_eq!(refused(&answer), Refused::of(404, "UNIMPLEMENTED", &[]), "{path}");
        }
    }
    good(&ask(&server, "GET", "/v1/jwks", "", "").await);
}

/// A client that is newer than the server: an answer without a code would be "unknown" to it, not "unimplemented".
#[tokio::test]
async fn connect_is_told_in_its_own_form_that_there_is_no_such_rpc() {
    let server = Server::start(Backend::Sqlite).await;
    for path in ["/auth.v1.AuthService/Nothing", "/auth.v2.AuthService/Login", "/v1/nothing"] {
        let headers = format!("{JSON}Connect-Protocol-Version: 1\r\n");
        let answer = ask(&server, "POST", path, &headers, "{}").await;
        assert_eq!(answer.status, 404, "{answer:?}");
        let verdict = of_connect(&answer.json());
        assert_eq!((verdict.code, &*verdict.reason), (Code::Unimplemented, "UNIMPLEMENTED"));
    }
    // A path of plain HTTP stays one.
    let answer = ask(&server, "GET", "/v1/me", "Connect-Protocol-Version: 1\r\n", "").await;
    assert_eq!(refused(&answer), Refused::of(401, "TOKEN_INVALID", &[]));
}
