//! The client side of health checks, for containers without a shell and a probe of their own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{AlertDescription, ClientConfig, Error as TlsError, pki_types::ServerName},
};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tower::service_fn;

use crate::{
    listen::{Address, tls::probe_config},
    pb::health::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    },
};

/// The timeout of the connection, and of the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client that asks a server how it is.
#[derive(Debug)]
pub struct Prober {
    health: HealthClient<Channel>,
    tls: Option<Tls>,
}

/// How a server with TLS is reached.
#[derive(Debug, Clone)]
struct Tls {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The server asks for a client certificate, and takes none that we have.
    #[error(
        "the server takes callers with a client certificate alone, and its own is not one of those: probe /livez and \
         /readyz over HTTP (COUNTERSIGN_HTTP_TLS_CLIENT_AUTH=off, or COUNTERSIGN_HTTP_TLS=off)"
    )]
    NoCertificate,
    /// No connection within five seconds.
    #[error("no connection")]
    Connection(#[from] tonic::transport::Error),
    /// TLS can't be configured.
    #[error("cannot configure TLS")]
    Tls(#[from] TlsError),
    /// No answer within five seconds, or a service that the server does not know.
    #[error("no answer")]
    Answer(#[source] Box<Status>),
}

/// The server's certificate and key, to be shown to it.
type Identity<'a> = Option<(&'a Path, &'a Path)>;

impl Prober {
    /// Connects to the server at `address`, with TLS if there is `tls`.
    ///
    /// # Errors
    /// No connection within five seconds.
    pub async fn connect(address: &Address, tls: Option<Identity<'_>>) -> Result<Self, ProbeError> {
        // The authority of the requests: what is connected to is the connector's.
        let endpoint =
            Endpoint::from_static("http://localhost").connect_timeout(PATIENCE).timeout(PATIENCE);
        let tls = match (address, tls) {
            (Address::Tcp(address), Some(identity)) => {
                let (address, config) = (reachable(*address), Arc::new(probe_config(identity)?));
                Some(Tls { address, config })
            }
            (Address::Tcp(_) | Address::Unix(_), _) => None,
        };
        let channel = match (address, tls.clone()) {
            (Address::Unix(path), _) => {
                let path = path.clone();
                let connect = move |_uri| {
                    let path = path.clone();
                    async move { UnixStream::connect(path).await.map(TokioIo::new) }
                };
                endpoint.connect_with_connector(service_fn(connect)).await
            }
            (Address::Tcp(address), None) => {
                let address = reachable(*address);
                let connect =
                    move |_uri| async move { TcpStream::connect(address).await.map(TokioIo::new) };
                endpoint.connect_with_connector(service_fn(connect)).await
            }
            (Address::Tcp(_), Some(tls)) => {
                let connect = move |_uri| {
                    let tls = tls.clone();
                    async move { tls.connect().await.map(TokioIo::new) }
                };
                endpoint.connect_with_connector(service_fn(connect)).await
            }
        };
        match (channel, tls) {
            (Ok(channel), tls) => Ok(Self { health: HealthClient::new(channel), tls }),
            (Err(_), Some(tls)) if tls.wants_certificate().await => Err(ProbeError::NoCertificate),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Asks whether `service` (empty: the process) is serving.
    ///
    /// # Errors
    /// No answer within five seconds, or a service that the server does not know.
    pub async fn ask(&self, service: &str) -> Result<bool, ProbeError> {
        let request = HealthCheckRequest { service: service.to_owned() };
        match (self.health.clone().check(request).await, &self.tls) {
            (Ok(answer), _) => Ok(answer.into_inner().status() == ServingStatus::Serving),
            // In TLS 1.3 the server refuses after the client's handshake has ended.
            (Err(_), Some(tls)) if tls.wants_certificate().await => Err(ProbeError::NoCertificate),
            (Err(status), _) => Err(ProbeError::Answer(Box::new(status))),
        }
    }
}

impl Tls {
    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::from(self.address.ip());
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }

    /// Whether the server refuses us for our certificate, or for having none. It says so in an alert, which gets lost where
    /// a request has been sent meanwhile: asked for with a connection that sends none.
    async fn wants_certificate(&self) -> bool {
        let listen = async { self.connect().await?.read_u8().await };
        let Ok(Err(error)) = timeout(PATIENCE, listen).await else { return false };
        let tls = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>());
        matches!(
            tls,
            Some(TlsError::AlertReceived(
                AlertDescription::CertificateRequired
                    | AlertDescription::BadCertificate
                    | AlertDescription::UnknownCA
                    | AlertDescription::UnsupportedCertificate
                    | AlertDescription::CertificateExpired
                    | AlertDescription::CertificateUnknown
                    | AlertDescription::AccessDenied
            ))
        )
    }
}

/// A server that listens on all addresses is reached over loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
