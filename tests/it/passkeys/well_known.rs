//! `/.well-known/webauthn` and `/.well-known/passkey-endpoints`.

use countersign::config::{Config, PasskeyPages};
use serde_json::{Value, json};

use crate::{
    harness::{Backend, Server},
    http,
};

/// The document; `None` where there is none.
async fn get(server: &Server, path: &str) -> Option<Value> {
    let (head, body) = http::get(server.http, &format!("/.well-known/{path}")).await;
    if head.starts_with("http/1.1 404") {
        return None;
    }
    assert!(head.contains("content-type: application/json"), "{head}");
    Some(serde_json::from_str(&body).unwrap())
}

/// Sets one thing for each of them to say.
pub fn set_both(config: &mut Config) {
    let settings = config.passkeys.settings.as_mut().unwrap();
    settings.related_origins = vec!["https://example.net".to_owned()];
    config.listen.passkey_pages =
        PasskeyPages { enroll: Some("https://example.org/passkeys/new".to_owned()), manage: None };
}

#[tokio::test]
async fn they_say_what_is_set_and_are_not_there_where_nothing_is() {
    let server = Server::start(Backend::Sqlite).await;
    for path in ["webauthn", "passkey-endpoints"] {
        assert_eq!(get(&server, path).await, None, "{path}");
    }
    let server = Server::start_with(Backend::Sqlite, |config, _| set_both(config)).await;
    let origins = json!({ "origins": ["https://example.net"] });
    assert_eq!(get(&server, "webauthn").await, Some(origins));
    let pages = json!({ "enroll": "https://example.org/passkeys/new" });
    assert_eq!(get(&server, "passkey-endpoints").await, Some(pages));
}
