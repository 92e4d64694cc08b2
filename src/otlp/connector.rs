//! Connections to a collector. They are made when something is to be sent, and again after they have broken off.

use std::time::Duration;

use http_body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use crate::{
    config::{Export, Protocol},
    dial::Tcp,
};

pub(super) type Connector = HttpsConnector<Tcp>;

/// A connection on which a request waits is asked so often whether it still works.
const PING_EVERY: Duration = Duration::from_secs(5);

/// How connections are made: in TLS by the scheme of the URL.
///
/// # Errors
/// The TLS library's own.
pub(super) fn of(export: &Export) -> Result<Connector, rustls::Error> {
    let builder =
        HttpsConnectorBuilder::new().with_tls_config(export.trust.client()?).https_or_http();
    Ok(match export.protocol {
        Protocol::Grpc => builder.enable_http2().wrap_connector(Tcp),
        Protocol::HttpProtobuf => builder.enable_http1().wrap_connector(Tcp),
    })
}

/// A client over such connections: of HTTP/2 alone, or of HTTP/1.1.
pub(super) fn client<B>(connector: Connector, http2: bool) -> Client<Connector, B>
where
    B: Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .http2_only(http2)
        .http2_keep_alive_interval(PING_EVERY)
        .build(connector)
}
