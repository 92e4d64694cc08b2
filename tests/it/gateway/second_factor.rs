//! The second factor can't be skipped by what JSON and HTTP have and gRPC has not.

use serde_json::{Value, json};

use super::{Refused, good, login, me, post, refused};
use crate::harness::{
    Backend, Server, logs,
    server::{PASSWORD, wrong},
};

#[tokio::test]
async fn nothing_but_the_code_answers_a_challenge() {
    let server = Server::start(Backend::Sqlite).await;
    let user = server.user(true).await;
    let answer =
        good(&post(&server, "/v1/sessions:login", "", &login(&user.username, PASSWORD)).await);
    let members: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["challenge"]);
    let id = answer["challenge"]["challengeId"].as_str().unwrap().to_owned();
    server.delivered().await;
    let code = logs::code(&user.username);

    // The challenge is no token.
    assert_eq!(refused(&me(&server, &id).await), Refused::of(401, "TOKEN_INVALID", &[]));
    let invalid = |fields: &[&str]| Refused::of(400, "INVALID_FIELD", fields);
    let verify =
        async |body: Value| refused(&post(&server, "/v1/sessions:verify", "", &body).await);
    for (body, expected) in [
        (json!({}), None),
        (json!({ "challengeId": id }), None),
        (json!({ "challengeId": id, "otpCode": null }), None),
        (json!({ "challengeId": id, "otpCode": "" }), None),
        (json!({ "challengeId": id, "otpCode": [] }), Some(invalid(&["otpCode"]))),
        (json!({ "challengeId": id, "otpCode": [code] }), Some(invalid(&["otpCode"]))),
        (json!({ "challengeId": id, "otpCode": { "value": code } }), Some(invalid(&["otpCode"]))),
        (json!({ "challengeId": id, "otpCode": true }), Some(invalid(&["otpCode"]))),
        (json!({ "challengeId": id, "otpCode": 0 }), Some(invalid(&["otpCode"]))),
        (
            json!({ "challengeId": id, "otpCode": code, "totpCode": code }),
            Some(invalid(&["proof"])),
        ),
        (json!({ "challengeId": id, "proof": code }), Some(invalid(&["proof"]))),
        (json!({ "challengeId": id, "verified": true }), Some(invalid(&["verified"]))),
        (json!({ "challengeId": id, "tokens": {} }), Some(invalid(&["tokens"]))),
        (
            json!({ "challengeId": id, "otpCode": wrong(&code) }),
            Some(Refused::of(401, "CHALLENGE_INVALID", &[])),
        ),
    ] {
        let found = verify(body.clone()).await;
        assert!(expected.is_none_or(|expected| found == expected), "{body}: {found:?}");
    }
    let skip = json!({ "username": user.username, "password": PASSWORD, "twoFactor": false });
    let answer = post(&server, "/v1/sessions:login", "", &skip).await;
    assert_eq!(refused(&answer), invalid(&["twoFactor"]));
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 0);

    let proof = json!({ "challengeId": id, "otpCode": code });
    let token =
        good(&post(&server, "/v1/sessions:verify", "", &proof).await)["tokens"]["accessToken"]
            .clone();
    good(&me(&server, token.as_str().unwrap()).await);
    assert_eq!(verify(proof).await.reason, "CHALLENGE_INVALID", "it is for once");
}

/// A browser's cookie goes along with a form of another site, too.
#[tokio::test]
async fn a_token_counts_in_its_header_alone() {
    let server = Server::start(Backend::Sqlite).await;
    let token = server.session(&server.user(false).await).await.access_token;
    for headers in [
        String::new(),
        format!(
            "Cookie: access_token={token}; Authorization=Bearer {token}; authorization={token}\r\n"
        ),
        format!("X-Access-Token: {token}\r\n"),
        format!("Proxy-Authorization: Bearer {token}\r\n"),
        format!("X-Auth-Subject: {token}\r\nGrpc-Metadata-Authorization: Bearer {token}\r\n"),
    ] {
        let answer = crate::harness::oauth::ask(&server, "GET", "/v1/me", &headers, "").await;
        assert_eq!(refused(&answer), Refused::of(401, "TOKEN_INVALID", &[]), "{headers}");
    }
    let path = format!("/v1/me?access_token={token}");
    let answer = crate::harness::oauth::ask(&server, "GET", &path, "", "").await;
    assert_eq!(refused(&answer), Refused::of(400, "INVALID_FIELD", &["access_token"]));
}
