//! Metadata (RFC 8414).

use serde_json::{Value, json};

use super::{INTROSPECT, REVOKE, TOKEN};
use crate::harness::{Backend, Server, oauth::ask};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

async fn server(issuer: &str) -> Server {
    Server::start_with(Backend::Sqlite, |config, _| {
        config.access_tokens.issuer = issuer.into();
    })
    .await
}

async fn document(server: &Server, path: &str) -> Value {
    let answer = ask(server, "GET", path, "", "").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"));
    answer.json()
}

#[tokio::test]
async fn the_document_names_the_issuer_as_it_is_and_absolute_endpoints() {
    let server = server("https://auth.example.com").await;
    let document = document(&server, WELL_KNOWN).await;
    assert_eq!(document["issuer"], "https://auth.example.com");
    let endpoint = |name: &str| document[name].as_str().unwrap().to_owned();
    assert_eq!(endpoint("jwks_uri"), "https://auth.example.com/.well-known/jwks.json");
    for (name, path) in [
        ("token_endpoint", TOKEN),
        ("introspection_endpoint", INTROSPECT),
        ("revocation_endpoint", REVOKE),
    ] {
        assert_eq!(endpoint(name), format!("https://auth.example.com{path}"));
        // Where it says that they are, they are.
        assert_eq!(ask(&server, "POST", path, "", "").await.status, 400, "{path}");
        let methods = &document[name.replace("endpoint", "endpoint_auth_methods_supported")];
        assert_eq!(
            methods,
            &json!(["client_secret_basic", "client_secret_post", "private_key_jwt"])
        );
    }
    let grants = ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"];
    assert_eq!(document["grant_types_supported"], json!(grants));
    let values = document.as_object().unwrap().values();
    assert!(
        values.into_iter().all(|value| *value != json!([]) && *value != json!("")),
        "{document}"
    );
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_behind_the_well_known_one() {
    let server = server("https://example.com/auth").await;
    let behind = document(&server, &format!("{WELL_KNOWN}/auth")).await;
    assert_eq!(behind["issuer"], "https://example.com/auth");
    assert_eq!(behind["token_endpoint"], "https://example.com/auth/oauth2/token");
    assert_eq!(behind, document(&server, WELL_KNOWN).await);
    for path in ["/other", "/auth/x", "/authx"] {
        let answer = ask(&server, "GET", &format!("{WELL_KNOWN}{path}"), "", "").await;
        assert_eq!(answer.refused(), (404, "invalid_request".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_issuer_makes_no_double_one() {
    let server = server("https://auth.example.com/").await;
    let document = document(&server, WELL_KNOWN).await;
    assert_eq!(document["issuer"], "https://auth.example.com/");
    assert_eq!(document["token_endpoint"], "https://auth.example.com/oauth2/token");
}
