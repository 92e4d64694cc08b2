//! The client side of health checks, for containers without a shell and a probe of their own.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tonic::{Status, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// The timeout of the connection, and of the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the server at `address` whether `service` (empty: the process) is serving.
///
/// # Errors
/// No answer within five seconds, or a service that the server does not know.
pub async fn probe(mut address: SocketAddr, service: &str) -> Result<bool, Status> {
    // A server that listens on all addresses is reached over loopback.
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let refused = |error: tonic::transport::Error| Status::unavailable(error.to_string());
    let endpoint = Endpoint::try_from(format!("http://{address}")).map_err(refused)?;
    let channel =
        endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await.map_err(refused)?;
    let request = HealthCheckRequest { service: service.to_owned() };
    let response = HealthClient::new(channel).check(request).await?.into_inner();
    Ok(response.status() == ServingStatus::Serving)
}
