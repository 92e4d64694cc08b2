//! Connections of one source: it has its share of the places, and leaves the rest to others.

use std::net::{Ipv4Addr, SocketAddr};

use countersign::{config::Config, domain::TrustedProxies};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::{
    harness::{Backend, Server, eventually, logs, soon},
    http::get,
};

/// Which listener, and what a client says there that is answered.
#[derive(Debug, Clone, Copy)]
struct Side {
    name: &'static str,
    address: fn(&Server) -> SocketAddr,
    hello: &'static [u8],
}

const GRPC: Side = Side {
    name: "grpc",
    address: |server| server.grpc,
    // The preface and empty SETTINGS (RFC 9113, sections 3.4 and 6.5).
    hello: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
};

const HTTP: Side = Side {
    name: "http",
    address: |server| server.http,
    hello: b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
};

/// Two of eight places for each source. This machine has many addresses: here each is a source.
async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(Backend::Sqlite, |config, environment| {
        environment.limits.max_connections = 8;
        environment.http_limits.max_connections = 8;
        environment.limit_loopback = true;
        change(config);
    })
    .await
}

impl Side {
    /// A connection from that address, once the server has answered; nothing where it was closed instead.
    async fn connect(self, server: &Server, from: [u8; 4]) -> Option<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::from(from), 0).into()).unwrap();
        let mut stream = socket.connect((self.address)(server)).await.unwrap();
        // Closed in order or reset, before or after this: either way it is over.
        let _closed = stream.write_all(self.hello).await;
        let first = soon("an answer or the end", stream.read_u8()).await;
        first.is_ok().then_some(stream)
    }
}

#[rstest]
#[case(GRPC, 7)]
#[case(HTTP, 8)]
#[tokio::test]
async fn what_is_more_than_a_sources_share_is_closed_and_others_get_in(
    #[case] side: Side,
    #[case] network: u8,
) {
    let server = server(|_config| {}).await;
    let (greedy, other) = ([127, 0, network, 2], [127, 0, network, 3]);
    let first = side.connect(&server, greedy).await;
    let second = side.connect(&server, greedy).await;
    assert!(first.is_some() && second.is_some());
    for _ in 0..3 {
        assert!(side.connect(&server, greedy).await.is_none());
        assert!(side.connect(&server, other).await.is_some());
    }
    let (_, metrics) = get(server.http, "/metrics").await;
    let line = format!("countersign_connections_refused_total{{listener=\"{}\"}} 3", side.name);
    assert!(metrics.lines().any(|found| found == line), "{line}\nis not in\n{metrics}");
    let logged = logs::events_with(&Ipv4Addr::from(greedy).to_string());
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert_eq!((&logged[0]["listener"], &logged[0]["refused"]), (&side.name.into(), &1.into()));

    drop(first);
    let again = async || side.connect(&server, greedy).await.is_some();
    eventually("the place of the one that has ended", again).await;
}

#[rstest]
#[case(GRPC)]
#[case(HTTP)]
#[tokio::test]
async fn trusted_proxies_have_no_share_since_they_call_for_many(#[case] side: Side) {
    let server = server(|config| {
        config.listen.trusted_proxies = TrustedProxies::parse("::ffff:127.0.9.0/120").unwrap();
    })
    .await;
    let mut held = Vec::new();
    for last in [1, 1, 1, 2, 2, 2] {
        held.push(side.connect(&server, [127, 0, 9, last]).await);
    }
    assert!(held.iter().all(Option::is_some));
}

#[rstest]
#[case(GRPC)]
#[case(HTTP)]
#[tokio::test]
async fn this_machine_has_no_share_by_default(#[case] side: Side) {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.limits.max_connections = 8;
        environment.http_limits.max_connections = 8;
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(side.connect(&server, [127, 0, 0, 1]).await);
    }
    assert!(held.iter().all(Option::is_some));
}
