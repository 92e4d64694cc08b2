//! The whole life of a session in each protocol.

use rstest::rstest;
use serde_json::{Value, json};
use tonic::Code;

use super::ways::{Verdict, Way};
use crate::harness::{Backend, Server, logs, server::PASSWORD, unique};

/// Calls of one server in one way.
struct Caller {
    server: Server,
    way: Way,
}

impl Caller {
    async fn call(&self, name: &str, message: Value) -> Result<Value, Verdict> {
        self.way.call(&self.server, name, &message, &[]).await
    }

    async fn call_with(&self, name: &str, token: &Value, message: Value) -> Result<Value, Verdict> {
        let bearer = format!("Bearer {}", token.as_str().unwrap());
        self.way.call(&self.server, name, &message, &[("authorization", &bearer)]).await
    }

    /// Logs in with the second factor.
    async fn tokens(&self, username: &str) -> Value {
        let login = json!({ "username": username, "password": PASSWORD });
        let answer = self.call("AuthService/Login", login).await.unwrap();
        assert!(answer.get("tokens").is_none(), "{answer}");
        let challenge = &answer["challenge"];
        assert_eq!(challenge["factors"], json!(["FACTOR_EMAIL_CODE"]));
        assert!(challenge["expireTime"].as_str().unwrap().ends_with('Z'), "{challenge}");
        self.server.delivered().await;
        let proof = json!({
            "challengeId": challenge["challengeId"], "otpCode": logs::code(username),
        });
        self.call("AuthService/Verify2FA", proof).await.unwrap()["tokens"].clone()
    }
}

#[rstest]
#[tokio::test]
async fn from_register_to_logout(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Way::Rest, Way::ConnectJson, Way::ConnectProto, Way::GrpcWeb, Way::GrpcWebText)]
    way: Way,
) {
    let caller = Caller { server: Server::start(backend).await, way };
    let username = unique("alice");
    let registration = json!({
        "username": username, "email": format!("{username}@example.com"), "password": PASSWORD,
        "twoFactor": true,
    });
    let registered = caller.call("AuthService/Register", registration.clone()).await.unwrap();
    let id = &registered["user"]["id"];
    let taken = caller.call("AuthService/Register", registration).await.unwrap_err();
    assert_eq!((taken.code, &*taken.reason), (Code::AlreadyExists, "USERNAME_TAKEN"));

    let (first, second) = (caller.tokens(&username).await, caller.tokens(&username).await);
    assert_eq!((&second["tokenType"], &second["expiresIn"]), (&json!("Bearer"), &json!("900")));
    let token = &second["accessToken"];
    let me = caller.call_with("AccountService/GetMe", token, json!({})).await.unwrap();
    assert_eq!((&me["user"]["id"], &me["user"]["twoFactorEnabled"]), (id, &json!(true)));
    let sessions = caller.call_with("AccountService/ListSessions", token, json!({})).await.unwrap();
    let sessions = sessions["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    let is_current = |session: &&Value| session["current"] == json!(true);
    assert_eq!(sessions.iter().find(is_current).unwrap()["id"], second["sessionId"]);

    let other = json!({ "session_id": first["sessionId"] });
    caller.call_with("AccountService/RevokeSession", token, other).await.unwrap();
    let refused = caller.call_with("AccountService/GetMe", &first["accessToken"], json!({})).await;
    assert_eq!(refused.unwrap_err().reason, "TOKEN_INVALID");

    let refresh = json!({ "refreshToken": second["refreshToken"] });
    let next = caller.call("AuthService/RefreshToken", refresh).await.unwrap()["tokens"].clone();
    let introspect = json!({ "token": next["accessToken"] });
    let active = caller.call("TokenService/IntrospectToken", introspect.clone()).await.unwrap();
    assert_eq!((&active["active"], &active["claims"]["sub"]), (&json!(true), id));
    assert!(active["claims"]["exp"].is_string(), "64 bits: {active}");

    let logout = json!({ "refreshToken": next["refreshToken"] });
    assert_eq!(caller.call("AuthService/Logout", logout.clone()).await, Ok(json!({})));
    let ended = caller.call("TokenService/IntrospectToken", introspect).await.unwrap();
    assert_eq!(ended.get("active").unwrap_or(&json!(false)), &json!(false));
    let refused = caller.call_with("AccountService/GetMe", &next["accessToken"], json!({})).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.code, &*refused.reason), (Code::Unauthenticated, "TOKEN_INVALID"));
    let refused = caller.call("AuthService/RefreshToken", logout).await.unwrap_err();
    assert_eq!(refused.code, Code::Unauthenticated);
}
