//! The listeners.

use std::{net::SocketAddr, time::Duration};

use super::{
    Profile,
    reader::{Reader, minutes},
    settings as name,
};
use crate::domain::{ForwardedHeader, TrustedProxies};

/// The listeners and how they end.
#[derive(Debug, Clone)]
pub struct Listen {
    /// gRPC.
    pub grpc: SocketAddr,
    /// HTTP.
    pub http: SocketAddr,
    /// Whose word counts on where a call of gRPC comes from, and who may have more connections than one source.
    pub trusted_proxies: TrustedProxies,
    /// Whether gRPC reflection is served.
    pub reflection: bool,
    /// How long a stream lasts, give or take a tenth.
    pub stream_age: Duration,
    /// From not ready to no new connections.
    pub drain_delay: Duration,
    /// How long running calls have to end.
    pub shutdown_timeout: Duration,
}

impl Reader<'_> {
    pub(super) fn listen(&mut self, profile: Profile) -> Listen {
        let development = profile == Profile::Development;
        let drain_delay = Duration::from_secs(if development { 0 } else { 5 });
        Listen {
            grpc: self.grpc_addr(),
            http: self.address(name::HTTP_ADDR, 8080),
            trusted_proxies: self.trusted_proxies(),
            reflection: self.switch(name::REFLECTION, development),
            stream_age: self.stream_age(),
            drain_delay: self.duration(name::DRAIN_DELAY, drain_delay, minutes(10)),
            shutdown_timeout: self.duration(
                name::SHUTDOWN_TIMEOUT,
                Duration::from_secs(20),
                minutes(10),
            ),
        }
    }

    pub(super) fn grpc_addr(&mut self) -> SocketAddr {
        self.address(name::GRPC_ADDR, 50051)
    }

    /// An address to listen on; by default one that only this machine reaches.
    fn address(&mut self, name: &str, port: u16) -> SocketAddr {
        self.read(name, SocketAddr::from(([127, 0, 0, 1], port)), |text| {
            text.parse().map_err(|_not_an_address| {
                "must be an address and a port such as 127.0.0.1:50051".to_owned()
            })
        })
    }

    fn trusted_proxies(&mut self) -> TrustedProxies {
        let proxies = self.read(name::TRUSTED_PROXIES, TrustedProxies::default(), |text| {
            TrustedProxies::parse(text).map_err(str::to_owned)
        });
        let header = self.read(name::FORWARDED_HEADER, ForwardedHeader::default(), |text| {
            ForwardedHeader::parse(text).map_err(str::to_owned)
        });
        proxies.writing(header)
    }

    fn stream_age(&mut self) -> Duration {
        let age = self.duration(name::STREAM_AGE, minutes(30), minutes(24 * 60));
        if age < minutes(1) {
            self.problems.add(name::STREAM_AGE, "must be at least 1m");
        }
        age
    }
}
