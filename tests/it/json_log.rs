//! With COUNTERSIGN_LOG_FORMAT=json every line is JSON: also before the log has started, and where a banner would be.

use countersign::pb::auth_service_client::AuthServiceClient;
use serde_json::Value;

use crate::{
    harness::{
        Backend, Database,
        command::{Running, command, output},
        server::{PASSWORD, alice},
    },
    process::serve,
};

/// The lines of a text, each of which must be an object with a time, a level and a message.
fn lines(text: &str) -> Vec<Value> {
    let parse = |line: &str| {
        let json: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for name in ["timestamp", "level", "message", "target"] {
            assert!(json[name].is_string(), "{name} is not in {line}");
        }
        json
    };
    text.lines().map(parse).collect()
}

/// Everything that a command puts out, and its exit code.
fn all_of(mut command: std::process::Command) -> (Vec<Value>, Option<i32>) {
    command.env("COUNTERSIGN_LOG_FORMAT", "json");
    let (result, errors) = output(command);
    assert!(result.stdout.is_empty(), "{result:?}");
    (lines(&errors), result.status.code())
}

#[tokio::test]
async fn from_the_banner_to_the_end_a_server_says_everything_in_json() {
    let database = Database::empty(Backend::Sqlite).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_LOG_FORMAT", "json");
    let mut running = Running::start_logging_json(command);
    let banner: Value = serde_json::from_str(&running.banner).unwrap();
    assert_eq!(banner["version"], env!("CARGO_PKG_VERSION"));
    assert!(banner["data"].as_str().unwrap().starts_with("sqlite://"), "{banner}");
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    auth.register(alice(PASSWORD)).await.unwrap();
    drop(auth);
    running.signal("TERM");
    assert_eq!(running.wait().await.code(), Some(0), "{}", running.logged);
    let said = lines(&running.logged);
    for message in ["listening", "ready", "rpc", "shutting down", "stopped"] {
        assert!(said.iter().any(|line| line["message"] == message), "{message} is not in {said:?}");
    }
    let mut calls = said.iter().filter(|line| line["message"] == "rpc");
    assert!(calls.all(|call| call["elapsed_ms"].is_u64()), "{said:?}");
}

#[test]
fn the_banner_is_said_whatever_the_filter_lets_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0"]);
    command.current_dir(folder.path());
    command.env("COUNTERSIGN_LOG_FORMAT", "json").env("COUNTERSIGN_LOG", "off");
    let running = Running::start_logging_json(command);
    assert_ne!(running.grpc.port(), 0);
}

#[test]
fn each_problem_of_the_configuration_is_a_line() {
    let mut start = command(&["serve"]);
    start
        .env("DATABASE_URL", "postgres://user:hunter2@localhost/x")
        .env("COUNTERSIGN_BCRYPT_COST", "4")
        .env("COUNTERSIGN_OPT_TTL", "5m");
    let (said, code) = all_of(start);
    let settings: Vec<_> = said.iter().map(|line| line["setting"].as_str().unwrap()).collect();
    assert_eq!(
        settings,
        [
            "COUNTERSIGN_OPT_TTL",
            "COUNTERSIGN_MASTER_KEY",
            "COUNTERSIGN_DELIVERY",
            "COUNTERSIGN_ISSUER",
            "COUNTERSIGN_BCRYPT_COST",
        ]
    );
    assert_eq!(code, Some(1));
    assert!(said.iter().all(|line| line["level"] == "ERROR" && line["problem"].is_string()));
    assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
}

#[test]
fn so_is_what_is_wrong_with_the_command_line_or_stops_a_command() {
    for arguments in
        [&["serve", "--no-such-flag"][..], &["no-such-command"], &["events", "--limit=x"]]
    {
        let (said, code) = all_of(command(arguments));
        assert_eq!((said.len(), code), (1, Some(2)), "{said:?}");
        assert!(said[0]["problem"].as_str().unwrap().contains("error: "), "{said:?}");
    }
    let (said, code) = all_of(command(&["healthcheck", "--grpc-addr=127.0.0.1:1"]));
    assert_eq!((said.len(), code), (1, Some(1)), "{said:?}");
    assert!(said[0]["error"].as_str().unwrap().contains("no answer from 127.0.0.1:1"), "{said:?}");
    // By flag, too, wherever it stands; and help is for people in any case.
    let (_, errors) = output(command(&["--log-format=json", "serve", "--no-such-flag"]));
    assert_eq!(lines(&errors).len(), 1);
    let (result, errors) = output(command(&["--log-format=json", "--help"]));
    assert!(result.status.success() && errors.is_empty() && !result.stdout.is_empty());
}

#[test]
fn an_address_that_is_taken_and_a_database_that_is_away_are_json() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut start = command(&["serve", "--http-addr=127.0.0.1:0"]);
    start.current_dir(folder.path());
    start.env("COUNTERSIGN_GRPC_ADDR", taken.local_addr().unwrap().to_string());
    let (said, code) = all_of(start);
    let last = said.last().unwrap();
    assert!(
        code == Some(1) && last["error"].as_str().unwrap().contains("cannot listen on"),
        "{said:?}"
    );
    let mut migrate = command(&["migrate"]);
    migrate.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let (said, code) = all_of(migrate);
    assert!(code == Some(1) && said.last().unwrap()["error"].is_string(), "{said:?}");
}
