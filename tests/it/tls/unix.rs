//! Unix sockets.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use countersign::{
    app::{App, Environment},
    listen::Address,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::{client::check, server::serve_with};
use crate::harness::{Backend, Database, eventually, server::config};

pub(super) async fn channel(path: &Path) -> Channel {
    let path = path.to_owned();
    let connect = move |_uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    };
    let endpoint = Endpoint::from_static("http://localhost");
    endpoint.connect_with_connector(service_fn(connect)).await.unwrap()
}

#[tokio::test]
async fn both_listeners_can_be_unix_sockets_whose_callers_are_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let [grpc, http] = ["grpc.sock", "http.sock"].map(|name| folder.path().join(name));
    let server = serve_with(|config, _| {
        config.listen.grpc = Address::Unix(grpc.clone());
        config.listen.http = Address::Unix(http.clone());
    });
    let server = server.await;
    assert_eq!(server.grpc.to_string(), format!("unix://{}", grpc.display()));
    // Loopback has no rate limit.
    for _ in 0..3 {
        check(channel(&grpc).await).await.unwrap();
    }
    let mut stream = UnixStream::connect(&http).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for path in [&grpc, &http] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
    }
    drop(server);
    eventually("the end", async || !grpc.exists() && !http.exists()).await;
}

#[tokio::test]
async fn a_socket_that_another_server_listens_on_is_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grpc.sock");
    let _first = serve_with(|config, _| config.listen.grpc = Address::Unix(path.clone())).await;
    let database = Database::empty(Backend::Sqlite).await;
    let mut config = config(&database);
    config.listen.grpc = Address::Unix(path.clone());
    let error = App::bind(&config, Environment::default()).await.err().unwrap();
    let error = countersign::telemetry::chain(&error).to_string();
    assert!(error.contains("grpc.sock") && error.contains("another server"), "{error}");
    check(channel(&path).await).await.unwrap();
}
