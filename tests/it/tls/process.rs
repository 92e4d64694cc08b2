//! The program with TLS.

use std::{fs, process::Command};

use super::{authority::Authority, client::Client, server::Folder};
use crate::harness::command::{Running, command, output};

/// The program in a folder of its own, with that certificate.
pub fn program(arguments: &[&str], folder: &Folder) -> Command {
    let mut command = command(arguments);
    command
        .current_dir(folder.folder.path())
        .env("COUNTERSIGN_GRPC_ADDR", "127.0.0.1:0")
        .env("COUNTERSIGN_HTTP_ADDR", "127.0.0.1:0")
        .env("COUNTERSIGN_TLS_CERT", &folder.files.certificate)
        .env("COUNTERSIGN_TLS_KEY", &folder.files.key);
    command
}

#[tokio::test]
async fn sighup_reads_the_certificates_at_once_and_ends_nothing() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), None);
    let mut server = Running::start(program(&["serve"], &folder));
    assert!(server.banner.contains("HTTP   https://"), "{}", server.banner);
    let kept = Client::new(&authority, None).channel(server.grpc).await.unwrap();
    let next = authority.server();
    fs::write(&folder.files.key, &next.key).unwrap();
    fs::write(&folder.files.certificate, &next.certificate).unwrap();
    server.signal("HUP");
    server.wait_for_log("a new certificate is in force");
    let shaken = Client::new(&authority, None).shake(server.grpc).await.unwrap();
    assert_eq!(shaken.server, next.der);
    super::client::check(kept).await.unwrap();
    server.signal("HUP");
    server.wait_for_log("have not changed");
    server.signal("TERM");
    assert!(server.wait().await.success());
}

#[tokio::test]
async fn a_server_without_tls_survives_sighup_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0"]);
    command.current_dir(folder.path());
    let mut server = Running::start(command);
    server.signal("HUP");
    server.wait_for_log("there are no certificates and no rules");
    server.signal("TERM");
    assert!(server.wait().await.success());
}

#[test]
fn all_that_is_wrong_with_files_and_addresses_is_told_at_the_start() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), None);
    fs::write(&folder.files.certificate, "").unwrap();
    let mut command = program(&["serve", "--totp-issuer=a:b"], &folder);
    command.env("COUNTERSIGN_TLS_CLIENT_AUTH", "required");
    let (output, text) = output(command);
    assert!(!output.status.success());
    for problem in [
        "COUNTERSIGN_TLS_CERT",
        "is empty",
        "COUNTERSIGN_TLS_CLIENT_CA",
        "must be set",
        "COUNTERSIGN_TOTP_ISSUER",
    ] {
        assert!(text.contains(problem), "{problem} is not in {text}");
    }
    assert_eq!(text.matches("COUNTERSIGN_TLS_CLIENT_CA").count(), 1, "{text}");
}

#[test]
fn plaintext_that_would_cross_a_network_is_refused_with_postgres() {
    let mut command = command(&["serve"]);
    command
        .env("DATABASE_URL", "postgres://127.0.0.1:1/nowhere")
        .env("COUNTERSIGN_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        .env("COUNTERSIGN_DELIVERY", "log")
        .env("COUNTERSIGN_ISSUER", "https://auth.example.com")
        .env("COUNTERSIGN_GRPC_ADDR", "0.0.0.0:0");
    let (output, text) = output(command);
    assert!(!output.status.success());
    for part in
        ["COUNTERSIGN_GRPC_ADDR", "0.0.0.0:0", "COUNTERSIGN_TLS_CERT", "COUNTERSIGN_PLAINTEXT=on"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}
