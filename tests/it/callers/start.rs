//! What the program says of a policy at its start, and what the log says of callers.

use std::{fs, process::Command};

use crate::{
    harness::{
        Backend, Server,
        command::{Running, command, output},
        logs,
        oauth::{basic, post},
    },
    service_accounts::{Setting, by_key, operator},
};

fn serve(folder: &tempfile::TempDir, addresses: &str) -> Command {
    let mut command = command(&["serve", "--http-addr=127.0.0.1:0"]);
    command.current_dir(folder.path()).env("COUNTERSIGN_GRPC_ADDR", addresses);
    command
}

#[tokio::test]
async fn a_door_that_is_open_to_a_network_is_told_in_one_line() {
    const OPEN: &str = "there is no policy of callers";
    for (addresses, policy, is_told) in [
        ("0.0.0.0:0", None, true),
        ("0.0.0.0:0", Some("anyone = register"), false),
        ("127.0.0.1:0", None, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = serve(&folder, addresses);
        command.envs(policy.map(|policy| ("COUNTERSIGN_CALLERS", policy)));
        let mut server = Running::start(command);
        server.signal("TERM");
        assert!(server.wait().await.success());
        let told = server.logged.lines().filter(|line| line.contains(OPEN)).count();
        assert_eq!(told, usize::from(is_told), "{addresses} {policy:?}: {}", server.logged);
    }
}

#[test]
fn a_policy_that_is_not_understood_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("callers");
    for (policy, problem) in [
        ("", "empty"),
        ("# none\n", "must have an entry"),
        ("anyone = watch\ncart = introspect\n", "\"cart = introspect\""),
        ("spiffe://a.example/** = introspect, everything", "\"everything\""),
        ("spiffe://a.example/**/b = introspect", "at the end **"),
    ] {
        fs::write(&file, policy).unwrap();
        let mut command = serve(&folder, "127.0.0.1:0");
        command.env("COUNTERSIGN_CALLERS_FILE", &file);
        let (output, text) = output(command);
        assert!(!output.status.success(), "{policy:?}");
        assert!(
            text.contains("COUNTERSIGN_CALLERS") && text.contains(problem),
            "{policy:?}: {text}"
        );
    }
}

#[tokio::test]
async fn log_lines_name_the_service_that_has_proved_itself() {
    let setting = Setting::of(Server::start(Backend::Sqlite).await).await;
    let service = setting.service("a").await;
    let id = service.id.to_string();
    setting.issue(by_key(&service.key)).await.unwrap();
    let form = [("grant_type", "client_credentials")];
    let answer = post(&setting.server, "/oauth2/token", &basic(&id, &service.key), &form).await;
    assert_eq!(answer.status, 200);
    setting.keeper.disable(&operator(), &service.name).await.unwrap();
    let lines = logs::events_with(&id);
    let of = |message: &str| lines.iter().filter(|line| line["message"] == message).count();
    assert_eq!((of("rpc"), of("http")), (1, 1), "{lines:?}");
    let http = lines.iter().find(|line| line["message"] == "http").unwrap();
    assert_eq!((&http["path"], &http["status"]), (&"/oauth2/token".into(), &200.into()));
    assert!(logs::events_with(&service.key).is_empty());
}
