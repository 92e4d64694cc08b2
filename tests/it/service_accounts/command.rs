//! `countersign service-account`, beside a running server.

use std::{fs, time::Duration};

use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};

use super::{Setting, by_assertion, by_key, issue};
use crate::{
    harness::{Backend, Server, command::output, on_both, reason, signer::Signer},
    process::on,
};

/// Runs the command on the server's database. It blocks its thread: the server needs another, or would keep SQLite's lock.
fn run(server: &Server, arguments: &[&str]) -> Result<String, String> {
    let mut command = on(&server.database, &[&["service-account"], arguments].concat());
    let key = fs::read_to_string(server.database.folder().join("master.key")).unwrap();
    command.env("COUNTERSIGN_MASTER_KEY", key.trim());
    command.env("COUNTERSIGN_AUDIENCE", "countersign,other");
    let (result, said) = output(command);
    let printed = String::from_utf8(result.stdout).unwrap();
    if result.status.success() { Ok(printed) } else { Err(said) }
}

/// The key that was printed.
fn key(said: &str) -> String {
    let mut lines = said.lines().map(str::trim).filter(|line| line.starts_with("cskey"));
    let key = lines.next().unwrap_or_else(|| panic!("no key: {said}")).to_owned();
    assert!(lines.next().is_none(), "{said}");
    key
}

fn shown(server: &Server, name: &str) -> Value {
    serde_json::from_str(&run(server, &["show", name, "--json"]).unwrap()).unwrap()
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_made_changed_ended_and_deleted(backend: Backend) {
    let setting = Setting::start(backend).await;
    let server = &setting.server;
    let scopes = ["--grant-scope", "orders.read", "--grant-scope", "orders.write"];
    let said = run(server, &[&["create", "cart"], &scopes[..]].concat()).unwrap();
    let first = key(&said);
    let token = issue(server, by_key(&first)).await.unwrap();
    assert_eq!(token.scope, "orders.read orders.write");
    let json = shown(server, "cart");
    assert_eq!(json["scope"], "orders.read orders.write");
    assert!(said.contains(json["client_id"].as_str().unwrap()), "{said}");
    assert!(run(server, &["list"]).unwrap().contains("cart"));

    run(server, &["set", "cart", "--grant-scope", "orders.read"]).unwrap();
    // It says more than is granted now.
    setting.has_ended(&token.access_token).await;
    let second = key(&run(server, &["key", "create", "cart", "--expires-in", "90d"]).unwrap());
    let keys = shown(server, "cart")["keys"].clone();
    assert_eq!((keys[0]["expires"].is_null(), keys[1]["expires"].is_string()), (true, true));
    run(server, &["key", "revoke", "cart", keys[0]["id"].as_str().unwrap()]).unwrap();
    setting.later(Duration::from_secs(1));
    assert_eq!(reason(&issue(server, by_key(&first)).await.unwrap_err()), "INVALID_CREDENTIALS");
    let token = issue(server, by_key(&second)).await.unwrap().access_token;

    run(server, &["end-tokens", "cart"]).unwrap();
    setting.has_ended(&token).await;
    run(server, &["disable", "cart"]).unwrap();
    assert_eq!(shown(server, "cart")["state"], "disabled");
    setting.later(Duration::from_secs(1));
    assert_eq!(reason(&issue(server, by_key(&second)).await.unwrap_err()), "INVALID_CREDENTIALS");
    run(server, &["enable", "cart"]).unwrap();
    setting.later(Duration::from_secs(1));
    issue(server, by_key(&second)).await.unwrap();
    run(server, &["delete", "cart"]).unwrap();
    setting.later(Duration::from_secs(1));
    assert_eq!(reason(&issue(server, by_key(&second)).await.unwrap_err()), "INVALID_CREDENTIALS");
    let gone = run(server, &["show", "cart"]).unwrap_err();
    assert!(gone.contains("there is no service account with the name \"cart\""), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_right_changes_nothing_and_is_told() {
    let server = Server::start(Backend::Sqlite).await;
    let file = server.database.folder().join("keys.json");
    fs::write(&file, "{}").unwrap();
    let said = run(&server, &["create", "cart", "--no-key", "--grant-audience", "other"]).unwrap();
    assert!(said.contains("no key"), "{said}");
    let before = shown(&server, "cart");
    for (arguments, problem) in [
        (&["create", "cart"][..], "there is a service account with this name"),
        (&["create", "Cart Service"], "name"),
        (&["create", "till", "--grant-audience", "nowhere"], "COUNTERSIGN_AUDIENCE"),
        (&["create", "till", "--grant-scope", "a\"b"], "--grant-scope"),
        (&["create", "till", "--expires-in", "0s"], "a second at least"),
        (&["create", "till", "--expires-in", "7974y"], "36,500 days at the most"),
        (&["create", "till", "--no-key", "--expires-in", "1d"], "cannot be used with"),
        (&["set", "cart"], "nothing to change"),
        (&["set", "cart", "--jwks", file.to_str().unwrap()], "--jwks"),
        (&["set", "cart", "--jwks-url", "http://keys.example"], "--jwks-url"),
        (&["set", "cart", "--workload", "no comma"], "--workload"),
        (&["set", "cart", "--workload", "spiffe://a.example,spiffe://b.example/x"], "trust domain"),
        (&["set", "nobody", "--may-exchange"], "nobody"),
        (&["key", "create", "cart", "--expires-in", "0s"], "a second at least"),
        (&["key", "revoke", "cart", "00000000-0000-0000-0000-000000000000"], "no key with this id"),
    ] {
        let said = run(&server, arguments).unwrap_err();
        assert!(said.contains(problem), "{arguments:?}: {said}");
    }
    assert_eq!(shown(&server, "cart"), before);
    assert!(run(&server, &["show", "till"]).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_keys_are_set_from_a_file_and_removed() {
    let server = Server::start(Backend::Sqlite).await;
    run(&server, &["create", "cart", "--no-key"]).unwrap();
    let id = shown(&server, "cart")["client_id"].as_str().unwrap().to_owned();
    let signer = Signer::new("a");
    let file = server.database.folder().join("keys.json");
    fs::write(&file, signer.jwks().to_string()).unwrap();
    let assertion = |jti: &str| signer.sign(&claims(&server, &id, jti));
    run(&server, &["set", "cart", "--jwks", file.to_str().unwrap()]).unwrap();
    issue(&server, by_assertion(&assertion("1"))).await.unwrap();
    assert_eq!(shown(&server, "cart")["jwks"], signer.jwks());
    run(&server, &["set", "cart", "--jwks", ""]).unwrap();
    let refused = issue(&server, by_assertion(&assertion("2"))).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_CREDENTIALS");
}

fn claims(server: &Server, id: &str, jti: &str) -> Value {
    let now = server.clock.now().unix_seconds();
    json!({ "iss": id, "sub": id, "aud": "http://localhost:8080", "jti": jti, "iat": now, "exp": now + 60 })
}
