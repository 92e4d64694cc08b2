//! Who reaches what: the same as over gRPC, for every RPC and every rule.

use serde_json::json;
use tonic::Code;

use super::{
    Refused,
    client::{exchange, framed, request},
    contract::{rpcs, rules},
    good, me, refused,
    ways::{Verdict, WAYS, Way},
};
use crate::{
    access::{call, protected},
    admin::official,
    harness::{
        Backend, Server, logs,
        oauth::{ask, bearer_header},
    },
};

/// What all-default fields are answered over gRPC, with a token or without.
async fn grpc(server: &Server, path: &str, bearer: Option<&str>) -> Result<(), Verdict> {
    let authorization: Vec<_> = bearer.into_iter().collect();
    call(server, path, &authorization).await.map_err(|status| Verdict::from(&status))
}

/// Of nobody, of a user and of an administrator: new ones for each call, since some of them change something.
async fn callers(server: &Server) -> [Option<String>; 3] {
    let user = server.session(&server.user(false).await).await.access_token;
    let (_, admin) = official(server, "admin").await;
    [None, Some(format!("Bearer {user}")), Some(format!("Bearer {}", admin.access_token))]
}

#[tokio::test]
async fn default_fields_are_answered_the_same_in_every_way_to_every_caller() {
    let server = Server::start(Backend::Sqlite).await;
    let mut verdicts = std::collections::BTreeSet::new();
    for rpc in rpcs() {
        let name = rpc.path.strip_prefix("/auth.v1.").unwrap();
        let by_grpc = callers(&server).await;
        let mut expected = Vec::new();
        for bearer in &by_grpc {
            expected.push(grpc(&server, &rpc.path, bearer.as_deref()).await);
        }
        // A path can't be without its fields: the next test has those.
        let has_variable = rpc.rules[0].path.contains('{');
        for way in WAYS.into_iter().filter(|way| *way != Way::Rest || !has_variable) {
            for (bearer, expected) in callers(&server).await.iter().zip(&expected) {
                let header = bearer.as_ref().map(|bearer| ("authorization", &**bearer));
                let headers: Vec<_> = header.into_iter().collect();
                let found = way.call(&server, name, &json!({}), &headers).await.map(drop);
                assert_eq!(found, *expected, "{name} {way:?} {}", bearer.is_some());
                verdicts.insert(found.map_err(|verdict| (verdict.reason, verdict.fields)));
            }
        }
    }
    assert!(verdicts.len() > 10, "{verdicts:?}");
}

#[tokio::test]
async fn every_rule_is_closed_to_those_whom_grpc_does_not_let_through() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.session(&server.user(false).await).await.access_token;
    for (rpc, rule) in rules() {
        let path = rule.at("00000000-0000-7000-8000-000000000000");
        for bearer in [None, Some(&user)] {
            let header = bearer.map(|token| format!("Bearer {token}"));
            let by_grpc = grpc(&server, &rpc.path, header.as_deref()).await;
            let closed = ["TOKEN_INVALID", "PERMISSION_MISSING"];
            let Some(Verdict { code, reason, .. }) =
                by_grpc.err().filter(|verdict| closed.contains(&&*verdict.reason))
            else {
                continue;
            };
            let header = bearer.map(|token| bearer_header(token)).unwrap_or_default();
            let found = refused(&ask(&server, &rule.method, &path, &header, "").await);
            let status = if code == Code::Unauthenticated { 401 } else { 403 };
            assert_eq!(found, Refused::of(status, &reason, &[]), "{} {path}", rule.method);
        }
    }
}

/// As over gRPC (`access.rs`): the same headers, for the same RPCs.
#[tokio::test]
async fn whatever_is_not_the_access_token_of_a_live_session_is_refused() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let tokens = server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    let good_one = bearer_header(&tokens.access_token);
    let challenge = server.challenge(&user).await;
    for bad in [
        String::new(),
        format!("{good_one}{good_one}"),
        format!("Authorization: {}\r\n", tokens.access_token),
        format!("Authorization: Basic {}\r\n", tokens.access_token),
        "Authorization: Bearer\r\n".to_owned(),
        bearer_header("garbage"),
        bearer_header(&format!("{}x", tokens.access_token)),
        bearer_header(&challenge.challenge_id),
        bearer_header(&tokens.refresh_token),
    ] {
        let json = "Content-Type: application/json\r\n";
        // A stream takes other bodies: `streams.rs` has it.
        for path in protected().into_iter().filter(|path| !path.ends_with("/ExportMe")) {
            let answer = ask(&server, "POST", &path, &format!("{json}{bad}"), "{}").await;
            let error = answer.json();
            assert_eq!(
                (answer.status, &error["code"]),
                (401, &json!("unauthenticated")),
                "{path} {bad}"
            );
        }
        let answer = ask(&server, "GET", "/v1/me", &bad, "").await;
        assert_eq!(refused(&answer), Refused::of(401, "TOKEN_INVALID", &[]), "{bad}");
        let invalid = answer.header("www-authenticate").contains("error=\"invalid_token\"");
        assert_eq!(invalid, !bad.is_empty(), "{bad}");
    }
    good(&me(&server, &tokens.access_token).await);
    server.clock.advance(std::time::Duration::from_secs(900));
    assert_eq!(refused(&me(&server, &tokens.access_token).await).status, 401);
}

/// What is not in the table is closed, however it is asked for.
#[tokio::test]
async fn there_is_nothing_beside_the_rpcs() {
    let server = Server::start(Backend::Sqlite).await;
    for path in [
        "/auth.v1.AuthService/Invented",
        "/auth.v1.AuthService/login",
        "/auth.v1.authservice/Login",
        "/auth.v2.AuthService/Login",
        "/auth.v1.AuthService/Login/",
        "/auth.v1.AuthService",
        "//auth.v1.AuthService/Login",
        "/auth.v1.AuthService/%4cogin",
    ] {
        for (media_type, body) in [("application/json", "{}"), ("application/proto", "")] {
            let asked = request("POST", path, &[("content-type", media_type)], body);
            assert_eq!(exchange(server.http, asked).await.status, 404, "{path}");
        }
    }
    let headers = [("content-type", "application/grpc-web+proto")];
    let asked = request("POST", "/auth.v1.AuthService/Invented", &headers, framed(0, b""));
    assert_eq!(exchange(server.http, asked).await.status, 404);
}
