//! Versions, suites and protocols.

use countersign::listen::tls::MinVersion;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::rustls::SupportedProtocolVersion;

use super::{
    authority::Authority,
    client::{ANY, Client, TLS12, TLS13},
    server::{Folder, serve, serve_with},
};
use crate::harness::{Backend, Server, soon};

#[tokio::test]
async fn tls_12_and_13_are_spoken_and_12_only_where_it_is_not_too_old() {
    let authority = Authority::new("a");
    let mut folder = Folder::new(&authority.server(), None);
    let client = |versions| Client::speaking(&authority, None, versions, &[b"h2"]);
    let both = serve(&folder.files).await;
    for (versions, version) in [(TLS12, 0x0303), (TLS13, 0x0304), (ANY, 0x0304)] {
        client(versions).call(both.grpc()).await.unwrap();
        assert_eq!(client(versions).shake(both.grpc()).await.unwrap().version, version);
    }
    folder.files.min_version = MinVersion::Tls13;
    let only_13 = serve(&folder.files).await;
    client(TLS13).call(only_13.grpc()).await.unwrap();
    let refused = client(TLS12).call(only_13.grpc()).await.unwrap_err();
    assert!(refused.contains("ProtocolVersion"), "{refused}");
}

/// A client says which protocols it knows (ALPN, RFC 7301); old ones, and some libraries for gRPC, say nothing.
#[tokio::test]
async fn grpc_is_h2_and_http_is_http_1_and_other_protocols_are_refused() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), None);
    let server = serve_with(|config, _| {
        config.listen.grpc_tls = Some(folder.files.clone());
        config.listen.http_tls = Some(folder.files.clone());
    });
    let server = server.await;
    let shake = async |address, versions: &[&'static SupportedProtocolVersion], alpn: &[&[u8]]| {
        let client = Client::speaking(&authority, None, versions, alpn);
        client.shake(address).await.map(|shaken| shaken.alpn)
    };
    for versions in [TLS12, TLS13] {
        for (address, own, other) in
            [(server.grpc(), &b"h2"[..], &b"http/1.1"[..]), (server.http(), b"http/1.1", b"h2")]
        {
            assert_eq!(shake(address, versions, &[other, own]).await.unwrap().unwrap(), own);
            assert_eq!(shake(address, versions, &[]).await.unwrap(), None);
            let refused = shake(address, versions, &[other]).await.unwrap_err().to_string();
            assert!(refused.contains("NoApplicationProtocol"), "{refused}");
        }
    }
    Client::speaking(&authority, None, ANY, &[]).call(server.grpc()).await.unwrap();
    let client = Client::speaking(&authority, None, ANY, &[b"http/1.1"]);
    let mut stream = client.connect(server.http()).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_client_that_says_nothing_blocks_no_other_and_is_hung_up_on() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), None);
    let server = serve_with(|config, environment| {
        config.listen.grpc_tls = Some(folder.files.clone());
        environment.limits.preface_deadline = std::time::Duration::from_millis(500);
    });
    let server = server.await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(tokio::net::TcpStream::connect(server.grpc()).await.unwrap());
    }
    Client::new(&authority, None).call(server.grpc()).await.unwrap();
    for mut stream in silent {
        assert_eq!(soon("the end", stream.read(&mut [0; 1])).await.unwrap(), 0);
    }
    let (_, metrics) = crate::http::get(server.http(), "/metrics").await;
    let line = "countersign_tls_handshakes_total{listener=\"grpc\",result=\"timed_out\"} 20";
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
}

/// The places of a listener count from the first byte on: handshakes can't get around them (denial of service).
#[tokio::test]
async fn connections_that_shake_hands_take_places_and_shares() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), None);
    let server = serve_with(|config, environment| {
        config.listen.grpc_tls = Some(folder.files.clone());
        environment.limits.max_connections = 8;
        environment.limit_loopback = true;
    });
    let server = server.await;
    // A quarter of eight is two.
    let silent = [(); 2].map(|()| std::net::TcpStream::connect(server.grpc()).unwrap());
    let client = Client::new(&authority, None);
    client.call(server.grpc()).await.unwrap_err();
    drop(silent);
    crate::harness::eventually("a place", async || client.call(server.grpc()).await.is_ok()).await;
}

#[tokio::test]
async fn plaintext_is_not_answered_by_tls_and_tls_not_by_plaintext() {
    let authority = Authority::new("a");
    let folder = Folder::new(&authority.server(), None);
    let server = serve(&folder.files).await;
    let plain = tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc()));
    let channel = plain.unwrap().connect().await;
    let answered = match channel {
        Ok(channel) => super::client::check(channel).await,
        Err(error) => Err(error.to_string()),
    };
    answered.unwrap_err();
    let plain = Server::start(Backend::Sqlite).await;
    Client::new(&authority, None).call(plain.grpc).await.unwrap_err();
}
