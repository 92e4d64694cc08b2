//! One request, one verdict, whatever the protocol: the codes, the reasons and the fields of errors are gRPC's.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use super::ways::{Verdict, WAYS};
use crate::{
    admin::official,
    gateway::contract::rpc,
    harness::{Backend, Server, server::PASSWORD, unique},
};

/// Requests that are refused, with a token or without.
#[expect(clippy::too_many_lines, reason = "a table")]
fn requests(username: &str) -> Vec<(&'static str, Value)> {
    let id = "00000000-0000-7000-8000-000000000000";
    let (secret, long) = ("A".repeat(43), "x".repeat(2000));
    vec![
        ("AuthService/Register", json!({})),
        ("AuthService/Register", json!({ "username": "a b", "email": "x", "password": "short" })),
        (
            "AuthService/Register",
            json!({ "username": username, "email": "x@example.com", "password": PASSWORD }),
        ),
        (
            "AuthService/Register",
            json!({ "username": "x", "email": "x@example.com", "password": long }),
        ),
        (
            "AuthService/Register",
            json!({ "username": "new", "email": "n@example.com", "password": PASSWORD, "request_id": "x" }),
        ),
        ("AuthService/Login", json!({ "username": "nobody", "password": PASSWORD })),
        (
            "AuthService/Login",
            json!({ "username": username, "password": PASSWORD, "audience": "nowhere" }),
        ),
        ("AuthService/Login", json!({ "username": long, "password": long })),
        ("AuthService/Verify2FA", json!({ "challenge_id": secret, "otp_code": "123456" })),
        ("AuthService/Verify2FA", json!({ "challenge_id": secret, "otp_code": "12345" })),
        ("AuthService/Verify2FA", json!({ "challenge_id": "x", "totp_code": "123456" })),
        ("AuthService/Verify2FA", json!({ "challenge_id": secret, "recovery_code": "x" })),
        ("AuthService/ResendCode", json!({ "challenge_id": secret })),
        ("AuthService/RefreshToken", json!({ "refresh_token": "x" })),
        ("AuthService/RefreshToken", json!({ "refresh_token": secret, "request_id": "x" })),
        ("AuthService/Logout", json!({ "refresh_token": "x" })),
        ("AuthService/VerifyEmail", json!({ "verification_id": secret, "code": "0123456789" })),
        ("AuthService/RequestPasswordReset", json!({ "email": "x" })),
        (
            "AuthService/ResetPassword",
            json!({ "reset_id": secret, "code": "0123456789", "new_password": "x" }),
        ),
        ("AccountService/GetMe", json!({})),
        ("AccountService/RevokeSession", json!({ "session_id": id })),
        ("AccountService/RevokeSession", json!({ "session_id": "x" })),
        (
            "AccountService/ChangePassword",
            json!({ "current_password": PASSWORD, "new_password": "x" }),
        ),
        ("AccountService/ChangePassword", json!({ "current_password": PASSWORD })),
        ("AccountService/DeleteMe", json!({ "password": "" })),
        ("AccountService/ChangeEmail", json!({ "new_email": "x", "password": PASSWORD })),
        ("AccountService/ChangeUsername", json!({ "new_username": "a b", "password": PASSWORD })),
        ("AccountService/ConfirmEmailChange", json!({ "change_id": secret, "code": "0123456789" })),
        ("AuthService/UndoDeletion", json!({ "undo_code": "x" })),
        ("AuthService/UndoDeletion", json!({ "undo_code": "0123456789ABCDEFGHJKMNPQ" })),
        ("AuthService/UndoEmailChange", json!({ "undo_code": "x" })),
        ("AuthService/UndoEmailChange", json!({ "undo_code": "0123456789ABCDEFGHJKMNPQ" })),
        (
            "AccountService/ConfirmTotpEnrollment",
            json!({ "enrollment_id": "x", "totp_code": "123456" }),
        ),
        ("TokenService/IssueServiceToken", json!({ "key": "x" })),
        ("TokenService/IssueServiceToken", json!({ "key": "x", "scope": "\"" })),
        ("TokenService/ExchangeToken", json!({ "assertion": "x", "subject_token": "x" })),
        ("AdminService/GetUser", json!({ "id": id })),
        ("AdminService/GetUser", json!({ "id": "x" })),
        ("AdminService/BatchGetUsers", json!({ "ids": [id, "x"] })),
        ("AdminService/ListUsers", json!({ "page_size": -1 })),
        ("AdminService/ListUsers", json!({ "page_token": "x" })),
        ("AdminService/ListUsers", json!({ "order_by": "x", "filter": { "role": "a b" } })),
        (
            "AdminService/CreateUser",
            json!({ "user": { "username": username, "email": "x@example.com" }, "password": PASSWORD }),
        ),
        (
            "AdminService/CreateUser",
            json!({ "user": { "username": "x", "claims": { "sub": "x" } } }),
        ),
        (
            "AdminService/UpdateUser",
            json!({ "user": { "id": id, "username": "x" }, "update_mask": "username" }),
        ),
        (
            "AdminService/UpdateUser",
            json!({ "user": { "id": id, "username": "x" }, "update_mask": "createTime" }),
        ),
        ("AdminService/DeleteUser", json!({ "id": id, "etag": "x" })),
        ("AdminService/SetPassword", json!({ "id": id, "password": "x" })),
        ("AdminService/ResetFactors", json!({ "id": id, "request_id": "x" })),
        ("AdminService/ListUserSessions", json!({ "user_id": "x" })),
        ("AdminService/RevokeUserSessions", json!({ "user_id": id, "session_id": "x" })),
        ("AdminService/UnlockUser", json!({ "id": "x" })),
        ("AdminService/ListEvents", json!({ "page_size": -1 })),
        ("AdminService/ListEvents", json!({ "filter": { "kinds": ["x"] } })),
        ("AdminService/CreateSubscription", json!({ "subscription": { "url": "ftp://x" } })),
        ("AdminService/DeleteSubscription", json!({ "id": "x" })),
    ]
}

#[rstest]
#[tokio::test]
async fn every_protocol_says_what_grpc_says(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let (_, admin) = official(&server, "admin").await;
    let bearers =
        [&tokens.access_token, &admin.access_token].map(|token| format!("Bearer {token}"));
    let mut reasons = BTreeSet::new();
    for (name, message) in requests(&user.username) {
        for bearer in [None, Some(&bearers[0]), Some(&bearers[1])] {
            let header = bearer.map(|bearer| ("authorization", &**bearer));
            let headers: Vec<_> = header.into_iter().collect();
            let expected = by_grpc(&server, name, &of_nobody(&message), bearer).await;
            for way in WAYS {
                let message = of_nobody(&message);
                let found = way.call(&server, name, &message, &headers).await.map(drop);
                assert_eq!(found, expected, "{name} {message} {way:?} {}", bearer.is_some());
            }
            reasons.extend(expected.err().map(|verdict| verdict.reason));
        }
    }
    assert!(reasons.len() >= 7, "{reasons:?}");
}

/// The message of somebody else each time: guesses of one account are counted.
fn of_nobody(message: &Value) -> Value {
    let mut message = message.clone();
    if message["username"] == "nobody" {
        message["username"] = unique("nobody").into();
    }
    message
}

async fn by_grpc(
    server: &Server,
    name: &str,
    message: &Value,
    bearer: Option<&String>,
) -> Result<(), Verdict> {
    let rpc = rpc(name);
    let message = prost_reflect::DynamicMessage::deserialize(rpc.input, message).unwrap();
    let mut request = tonic::Request::new(message);
    if let Some(bearer) = bearer {
        request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    }
    let mut client = tonic::client::Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<_, ()>::default();
    let answer = client.unary(request, rpc.path.parse().unwrap(), codec).await;
    answer.map(drop).map_err(|status| Verdict::from(&status))
}
