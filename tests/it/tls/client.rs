//! Clients with TLS.

use std::{io, net::SocketAddr, sync::Arc};

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion,
        crypto::aws_lc_rs::default_provider, pki_types::CertificateDer, version,
    },
};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::service_fn;

use super::authority::{Authority, Pair};
use crate::harness::soon;

pub const TLS12: &[&SupportedProtocolVersion] = &[&version::TLS12];
pub const TLS13: &[&SupportedProtocolVersion] = &[&version::TLS13];
pub const ANY: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// A client. It keeps sessions, and resumes them where the server lets it.
#[derive(Clone)]
pub struct Client(Arc<ClientConfig>);

/// What a handshake came to.
#[derive(Debug)]
pub struct Shaken {
    pub kind: HandshakeKind,
    pub version: u16,
    pub alpn: Option<Vec<u8>>,
    pub server: CertificateDer<'static>,
}

impl Client {
    /// A client of gRPC that believes `authority`, and shows `identity`.
    pub fn new(authority: &Authority, identity: Option<&Pair>) -> Self {
        Self::speaking(authority, identity, ANY, &[b"h2"])
    }

    pub fn speaking(
        authority: &Authority,
        identity: Option<&Pair>,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(pair) => {
                builder.with_client_auth_cert(vec![pair.der.clone()], pair.key_der()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Self(Arc::new(config))
    }

    /// A connection, as far as this side knows.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::clone(&self.0));
        let connect = async {
            let stream = TcpStream::connect(address).await?;
            connector.connect("localhost".try_into().unwrap(), stream).await
        };
        soon("a handshake", connect).await
    }

    /// The handshake of a new connection.
    pub async fn shake(&self, address: SocketAddr) -> io::Result<Shaken> {
        let stream = self.connect(address).await?;
        let connection = stream.get_ref().1;
        Ok(Shaken {
            kind: connection.handshake_kind().unwrap(),
            version: connection.protocol_version().unwrap().into(),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            server: connection.peer_certificates().unwrap()[0].clone().into_owned(),
        })
    }

    /// A channel over a connection that is made now.
    pub async fn channel(&self, address: SocketAddr) -> Result<Channel, tonic::transport::Error> {
        let client = self.clone();
        let connect = move |_uri| {
            let client = client.clone();
            async move { client.connect(address).await.map(TokioIo::new) }
        };
        Endpoint::from_static("http://localhost").connect_with_connector(service_fn(connect)).await
    }

    /// A call over a new connection: in TLS 1.3 only an answer shows that the server has taken the client.
    pub async fn call(&self, address: SocketAddr) -> Result<(), String> {
        let channel = self.channel(address).await.map_err(|error| format!("{error:?}"))?;
        check(channel).await
    }
}

/// A call that asks for no more than life.
pub async fn check(channel: Channel) -> Result<(), String> {
    let mut health = HealthClient::new(channel);
    let answer = soon("an answer", health.check(HealthCheckRequest::default())).await;
    answer.map(|_alive| ()).map_err(|status| format!("{status:?}"))
}
