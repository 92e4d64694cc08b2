//! `/debug`, at an address of its own.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{
    harness::{
        Backend, Database,
        command::Running,
        oauth::{Answer, ask_at, send},
    },
    process::on,
};

const PATHS: [&str; 2] = ["/debug/config", "/debug/state"];

/// A server with that address, and where it is.
async fn start() -> (Running, SocketAddr, Database) {
    let database = Database::empty(Backend::Postgres).await;
    let mut command = on(
        &database,
        &[
            "serve",
            "--grpc-addr=127.0.0.1:0",
            "--http-addr=127.0.0.1:0",
            "--debug-addr=127.0.0.1:0",
        ],
    );
    command.env("COUNTERSIGN_AUDIENCE", "canary-shop");
    let running = Running::start(command);
    let line = running.banner.lines().find_map(|line| line.trim().strip_prefix("Debug"));
    let address = line.unwrap_or_else(|| panic!("{}", running.banner)).trim().parse().unwrap();
    (running, address, database)
}

async fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    ask_at(address, "GET", path, headers, "").await
}

#[tokio::test]
async fn settings_and_state_are_shown_without_secrets() {
    let (mut running, address, database) = start().await;
    let config = get(address, "/debug/config", "").await;
    assert_eq!(config.header("cache-control"), "no-store");
    let shown = config.json();
    let named = |name: &str| -> &Value {
        let mut settings = shown["settings"].as_array().unwrap().iter();
        settings.find(|setting| setting["name"] == name).unwrap()
    };
    assert_eq!(named("COUNTERSIGN_AUDIENCE")["value"], "canary-shop");
    assert_eq!(named("COUNTERSIGN_AUDIENCE")["source"], "environment");
    assert_eq!(named("COUNTERSIGN_MASTER_KEY")["hidden_characters"], 44);
    assert!(!config.body.contains(&database.url), "{}", config.body);

    running.signal("USR1");
    running.wait_for_log("the log filter is raised");
    let state = get(address, "/debug/state", "").await.json();
    assert_eq!(state["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(state["log"]["configured"], "info");
    assert_eq!(state["log"]["raised"]["filter"], "debug");
    assert_eq!(state["keys"]["published"].as_array().unwrap().len(), 1);
    assert_eq!(state["keys"]["signs"], state["keys"]["published"][0]);
    assert_eq!(state["database_connections"]["max"], 10);
    assert!(state["revocations"]["known_up_to"].is_i64(), "{state}");
    assert!(state["runtime"]["tasks"].as_u64().unwrap() > 0, "{state}");
    // Its own address: a stop must not wait for it.
    running.signal("TERM");
    assert!(running.wait().await.success());
}

#[tokio::test]
async fn it_is_nowhere_else_and_not_for_pages_of_others() {
    let (running, address, _database) = start().await;
    for path in PATHS {
        assert_eq!(get(address, path, "").await.status, 200);
        assert_eq!(get(running.http, path, "").await.status, 404);
        assert_eq!(ask_at(address, "POST", path, "", "").await.status, 405);
        for headers in ["x-forwarded-for: 127.0.0.1\r\n", "sec-fetch-site: cross-site\r\n"] {
            assert_eq!(get(address, path, headers).await.status, 404, "{headers}");
        }
        // A name that its owner lets lead here (DNS rebinding).
        let host = "Host: rebound.example.com\r\nConnection: close";
        let rebound = format!("GET {path} HTTP/1.1\r\n{host}\r\n\r\n");
        assert_eq!(send(address, rebound.as_bytes()).await.status, 404);
    }
    // And nothing of the public one is at this address.
    for path in ["/metrics", "/livez", "/.well-known/jwks.json", "/v1/users"] {
        assert_eq!(get(address, path, "").await.status, 404, "{path}");
    }
}
