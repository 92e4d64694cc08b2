//! Every answer names the program and its version, unless that is turned off.

use http::HeaderMap;

use crate::{
    faults::{framed, request, send},
    harness::{Backend, Server, oauth::ask},
};

const JSON: &str = "Content-Type: application/json\r\n";
const PROGRAM: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// The values of the header, in answers over gRPC, good and bad ones, and over HTTP.
async fn named(server: &Server) -> Vec<Vec<String>> {
    let mut named = Vec::new();
    for path in
        ["/grpc.health.v1.Health/Check", "/auth.v1.AccountService/GetMe", "/invented.Name/Method"]
    {
        let (_, headers, _) = send(server, request(path, framed(0, &[]))).await;
        named.push(values(&headers));
    }
    let (_, headers, _) = {
        let mut get = request("/grpc.health.v1.Health/Check", Vec::new());
        *get.method_mut() = http::Method::GET;
        send(server, get).await
    };
    named.push(values(&headers));
    for (method, path, headers) in [
        ("GET", "/livez", ""),
        ("GET", "/nowhere", ""),
        ("GET", "/v1/jwks", ""),
        ("GET", "/v1/me", ""),
        ("POST", "/auth.v1.TokenService/GetJwks", JSON),
        ("POST", "/auth.v1.AccountService/GetMe", JSON),
    ] {
        let answer = ask(server, method, path, headers, "{}").await;
        assert!(!answer.headers.contains_key("trailer-server"), "{answer:?}");
        named.push(values(&answer.headers));
    }
    named
}

fn values(headers: &HeaderMap) -> Vec<String> {
    headers.get_all("server").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn answers_and_errors_name_the_program_once() {
    let server = Server::start(Backend::Sqlite).await;
    assert!(named(&server).await.iter().all(|values| values == &[PROGRAM]));
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.listen.names_server = false;
    })
    .await;
    assert!(named(&server).await.iter().all(Vec::is_empty));
}
