//! AdminService over HTTP: where it has an address of its own, it is at that alone.

use countersign::listen::Address;
use serde_json::json;
use tonic::Code;

use super::{
    contract::rules,
    ways::{WAYS, Way},
};
use crate::{
    admin::official,
    harness::{
        Backend, Server,
        oauth::{ask, bearer_header},
    },
};

#[tokio::test]
async fn apart_it_is_not_served_over_http() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.listen.admin = Some(Address::parse("127.0.0.1:0").unwrap());
    });
    let server = server.await;
    let (admin, tokens) = official(&server, "admin").await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let headers = [("authorization", &*bearer)];
    for way in WAYS {
        let ask = json!({ "id": admin.id });
        let found = way.call(&server, "AdminService/GetUser", &ask, &headers).await.unwrap_err();
        assert_eq!((found.code, &*found.reason), (Code::Unimplemented, "UNIMPLEMENTED"), "{way:?}");
    }
    for (rpc, rule) in rules().into_iter().filter(|(rpc, _)| rpc.path.contains("AdminService")) {
        let json = if rule.body.is_empty() { "" } else { super::JSON };
        let headers = format!("{json}{}", bearer_header(&tokens.access_token));
        let answer = ask(&server, &rule.method, &rule.at(&admin.id), &headers, "").await;
        assert_eq!(answer.status, 501, "{} {answer:?}", rpc.path);
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM users").await, 1);
    // The others are there.
    let me = Way::Rest.call(&server, "AccountService/GetMe", &json!({}), &headers).await.unwrap();
    assert_eq!(me["user"]["id"], admin.id);
}

#[tokio::test]
async fn users_are_found_changed_and_deleted_by_their_paths() {
    let server = Server::start(Backend::Sqlite).await;
    let (_, tokens) = official(&server, "admin").await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let headers = [("authorization", &*bearer)];
    let user = server.user(false).await;
    for way in WAYS {
        let call = async |name: &str, message| {
            way.call(&server, &format!("AdminService/{name}"), &message, &headers).await
        };
        let found = call("GetUser", json!({ "id": user.id })).await.unwrap();
        assert_eq!(found["user"]["username"], user.username, "{way:?}");
        let metadata =
            json!({ "note": format!("{way:?}"), "numbers": [1, 2.5, null, { "a": true }] });
        let change = json!({
            "user": { "id": user.id, "metadata": metadata }, "update_mask": "metadata",
        });
        let changed = call("UpdateUser", change).await.unwrap();
        assert_eq!(changed["user"]["metadata"]["note"], metadata["note"], "{way:?}");
        let listed = json!({ "page_size": 1, "filter": { "username_prefix": user.username } });
        let listed = call("ListUsers", listed).await.unwrap();
        assert_eq!(listed["users"][0]["id"], user.id, "{way:?}");
        let two = call("BatchGetUsers", json!({ "ids": [user.id, user.id] })).await.unwrap();
        assert!(!two["users"].as_array().unwrap().is_empty(), "{way:?}");
        let made = json!({
            "user": { "username": format!("made-{way:?}"), "email": format!("{way:?}@example.com") },
        });
        let made = call("CreateUser", made).await.unwrap();
        let id = made["user"]["id"].clone();
        call("DeleteUser", json!({ "id": id, "etag": made["user"]["etag"] })).await.unwrap();
        let gone = call("GetUser", json!({ "id": id })).await.unwrap_err();
        assert_eq!((gone.code, &*gone.reason), (Code::NotFound, "USER_NOT_FOUND"), "{way:?}");
    }
    let by_name = format!("/v1/users:find?username={}", user.username);
    let answer = ask(&server, "GET", &by_name, &bearer_header(&tokens.access_token), "").await;
    assert_eq!(super::good(&answer)["user"]["id"], user.id);
}
