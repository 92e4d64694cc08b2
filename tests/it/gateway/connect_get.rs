//! Connect by GET, with the message in the query: where nothing changes, and there alone.

use base64::{
    Engine as _,
    prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use prost::Message as _;
use serde_json::json;
use tonic::Code;

use super::{
    client::{Whole, exchange, request},
    contract::rpcs,
    ways::of_connect,
};
use crate::{
    admin::official,
    harness::{Backend, Server},
};
use countersign::pb::{GetMeResponse, GetUserRequest, get_user_request::User as By};

async fn get(server: &Server, path: &str, query: &str, bearer: &str) -> Whole {
    let headers = [("authorization", bearer)];
    let headers = if bearer.is_empty() { &[][..] } else { &headers };
    let asked = request("GET", &format!("/auth.v1.{path}?{query}"), headers, "");
    exchange(server.http, asked).await
}

#[tokio::test]
async fn the_message_is_in_the_query_in_each_codec() {
    let server = Server::start(Backend::Sqlite).await;
    let (user, tokens) = official(&server, "admin").await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let message = GetUserRequest { user: Some(By::Id(user.id.clone())) }.encode_to_vec();
    let (padded, plain) =
        (BASE64_URL_SAFE.encode(&message), BASE64_URL_SAFE_NO_PAD.encode(&message));
    let json = format!("%7B%22id%22:%22{}%22%7D", user.id);
    for query in [
        format!("encoding=json&message={json}"),
        format!("connect=v1&encoding=json&base64=0&compression=identity&message={json}"),
        format!(
            "encoding=json&base64=1&message={}",
            BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"id\":\"{}\"}}", user.id))
        ),
    ] {
        let answer = get(&server, "AdminService/GetUser", &query, &bearer).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/json"),
            "{query}"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(json["user"]["id"], user.id);
    }
    for message in [padded.replace('=', "%3D"), plain] {
        let query = format!("encoding=proto&base64=1&message={message}");
        let answer = get(&server, "AdminService/GetUser", &query, &bearer).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/proto"));
    }
    let me = get(&server, "AccountService/GetMe", "encoding=proto&message=", &bearer).await;
    assert_eq!(GetMeResponse::decode(me.body).unwrap().user.unwrap().id, user.id);
}

#[tokio::test]
async fn a_query_that_is_no_message_is_refused() {
    let server = Server::start(Backend::Sqlite).await;
    for (query, code, field) in [
        ("", Code::InvalidArgument, "encoding"),
        ("message=%7B%7D", Code::InvalidArgument, "encoding"),
        ("encoding=xml&message=%7B%7D", Code::InvalidArgument, "encoding"),
        ("encoding=json", Code::InvalidArgument, "message"),
        ("encoding=json&message=", Code::InvalidArgument, "body"),
        ("encoding=json&message=%5B%5D", Code::InvalidArgument, "body"),
        ("encoding=json&message=%7B%22x%22:1%7D", Code::InvalidArgument, "x"),
        ("encoding=json&message=%ff", Code::InvalidArgument, "body"),
        ("encoding=json&base64=1&message=!", Code::InvalidArgument, "message"),
        ("encoding=json&base64=2&message=%7B%7D", Code::InvalidArgument, "base64"),
        ("encoding=json&message=%7B%7D&message=%7B%7D", Code::InvalidArgument, "message"),
        ("encoding=json&encoding=proto&message=%7B%7D", Code::InvalidArgument, "encoding"),
        ("connect=v2&encoding=json&message=%7B%7D", Code::InvalidArgument, "connect"),
        ("encoding=json&compression=gzip&base64=1&message=", Code::Unimplemented, ""),
    ] {
        let answer = get(&server, "TokenService/GetJwks", query, "").await;
        let verdict = of_connect(&serde_json::from_slice(&answer.body).unwrap());
        let named = verdict.fields.first().cloned().unwrap_or_default();
        assert_eq!((verdict.code, &*named), (code, field), "{query}");
    }
    let good = get(&server, "TokenService/GetJwks", "encoding=json&message=%7B%7D", "").await;
    assert_eq!(good.status, 200);
}

/// A link or an image of another site changes nothing.
#[tokio::test]
async fn get_changes_nothing() {
    let server = Server::start(Backend::Sqlite).await;
    let tokens = server.session(&server.user(false).await).await;
    let bearer = format!("Bearer {}", tokens.access_token);
    for rpc in rpcs() {
        let path = rpc.path.strip_prefix("/auth.v1.").unwrap();
        let answer = get(&server, path, "encoding=json&message=%7B%7D", &bearer).await;
        let found = (answer.status, answer.header("allow"));
        if rpc.is_safe {
            assert_ne!(answer.status, 405, "{path}");
        } else {
            assert_eq!(found, (405, "POST"), "{path}");
        }
    }
    let unsafe_one = get(&server, "AuthService/Login", "encoding=json&message=%7B%7D", "").await;
    let error: serde_json::Value = serde_json::from_slice(&unsafe_one.body).unwrap();
    assert_eq!(error["code"], json!("invalid_argument"));
    assert!(server.me(&tokens).await.is_ok());
}
