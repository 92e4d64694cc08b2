//! `countersign healthcheck` beside a server with TLS, or on a Unix socket.

use std::{net::SocketAddr, process::Command};

use countersign::listen::tls::ClientAuth;
use rcgen::ExtendedKeyUsagePurpose;

use super::{
    authority::{Authority, Pair},
    process::program,
    server::Folder,
};
use crate::harness::command::{Running, command, output};

/// The server's environment, and the check of it.
fn pair(folder: &Folder) -> (Command, impl Fn(SocketAddr) -> Command) {
    let with = |arguments: &[&str], folder: &Folder| {
        let mut command = program(arguments, folder);
        if let Some(authorities) = &folder.files.client_authorities {
            command
                .env("COUNTERSIGN_TLS_CLIENT_CA", authorities)
                .env("COUNTERSIGN_TLS_CLIENT_AUTH", "required")
                .env("COUNTERSIGN_HTTP_TLS_CLIENT_AUTH", "off");
        }
        command
    };
    (with(&["serve"], folder), move |address| {
        let mut check = with(&["healthcheck", "--liveness"], folder);
        check.env("COUNTERSIGN_GRPC_ADDR", address.to_string());
        check
    })
}

fn both(authority: &Authority) -> Pair {
    authority.certificate(ExtendedKeyUsagePurpose::ServerAuth, |params| {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    })
}

#[tokio::test]
async fn the_health_check_speaks_tls_and_shows_the_servers_own_certificate_where_one_is_asked_for()
{
    let authority = Authority::new("a");
    for folder in [
        Folder::new(&authority.server(), None),
        Folder::new(&both(&authority), Some((&authority, ClientAuth::Required))),
    ] {
        let (serve, check) = pair(&folder);
        let server = Running::start(serve);
        let (output, text) = output(check(server.grpc));
        assert!(output.status.success(), "{text}");
    }
}

#[tokio::test]
async fn where_the_servers_certificate_is_not_one_of_a_client_the_check_says_how_to_probe() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    for certificate in [servers.server(), both(&servers)] {
        let folder = Folder::new(&certificate, Some((&clients, ClientAuth::Required)));
        let (serve, check) = pair(&folder);
        let server = Running::start(serve);
        let (output, text) = output(check(server.grpc));
        assert!(!output.status.success());
        assert!(text.contains("/livez") && text.contains("client certificate"), "{text}");
    }
}

#[tokio::test]
async fn the_health_check_finds_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix://{}", folder.path().join("grpc.sock").display());
    let mut serve = command(&["serve", "--http-addr=127.0.0.1:0", "--log-format=json"]);
    serve.current_dir(folder.path()).env("COUNTERSIGN_GRPC_ADDR", &address);
    let mut child = serve.spawn().unwrap();
    let check = || {
        let mut check = command(&["healthcheck", "--liveness"]);
        check.env("COUNTERSIGN_GRPC_ADDR", &address);
        output(check).0.status.success()
    };
    let is_up = crate::harness::eventually("an answer", async || check());
    is_up.await;
    child.kill().unwrap();
    child.wait().unwrap();
    // The server is gone, its file is left.
    assert!(!check());
}
