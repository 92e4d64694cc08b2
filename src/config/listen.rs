//! The listeners.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{
    PasskeyPages, Profile,
    reader::{Reader, days, duration, minutes, on_or_off},
    setting::Setting,
    settings,
    tls::Tls,
};
use crate::{
    domain::{Callers, ErrorDomain, ForwardedHeader, Origins, TrustedProxies},
    listen::{Address, tls::Files},
};

/// The listeners, and their shutdown.
#[derive(Debug, Clone)]
pub struct Listen {
    /// gRPC.
    pub grpc: Address,
    /// HTTP.
    pub http: Address,
    /// AdminService, if it has an address of its own.
    pub admin: Option<Address>,
    /// `/debug`, if it is anywhere: reached by this machine alone.
    pub debug: Option<Address>,
    /// The TLS of gRPC, if it has any.
    pub grpc_tls: Option<Files>,
    /// The TLS of HTTP, if it has any.
    pub http_tls: Option<Files>,
    /// The TLS of AdminService at an address of its own: gRPC's.
    pub admin_tls: Option<Files>,
    /// Proxies whose forwarded addresses are trusted for gRPC, and which may have more connections than one source.
    pub trusted_proxies: TrustedProxies,
    /// The policy of callers, if there is one.
    pub callers: Option<Arc<Callers>>,
    /// Whether gRPC reflection is enabled.
    pub reflection: bool,
    /// Whether HTTP answers RPCs.
    pub http_rpcs: bool,
    /// Whether the contract is shown over HTTP, with a viewer.
    pub docs: bool,
    /// Whether the page that shows the flow is there: in development, where HTTP is for this machine alone.
    pub home: bool,
    /// The operator's own pages about passkeys.
    pub passkey_pages: PasskeyPages,
    /// The origins of web pages that may call over HTTP.
    pub origins: Origins,
    /// The lifetime of a stream, with a jitter of a tenth.
    pub stream_age: Duration,
    /// The domain of errors.
    pub error_domain: ErrorDomain,
    /// Whether answers name the program and its version.
    pub names_server: bool,
    /// The time between not ready and refusing connections.
    pub drain_delay: Duration,
    /// The timeout of running calls at a shutdown.
    pub shutdown_timeout: Duration,
}

impl Listen {
    /// Whether gRPC and HTTP share an address.
    pub fn is_one_address(&self) -> bool {
        self.grpc.is_same_place(&self.http)
    }
}

/// Whether callers of HTTP must show as much as those of gRPC: an upgrade must not open to all what asks for a
/// certificate, nor send in the clear what was encrypted.
fn is_as_protected(http: Option<&Files>, grpc: Option<&Files>) -> bool {
    match (http, grpc) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(http), Some(grpc)) => http.client_auth >= grpc.client_auth,
    }
}

/// Whoever reaches it sees the settings, and nothing asks who that is.
fn debug(text: &str) -> Result<Address, String> {
    let address = Address::parse(text)?;
    if address.is_local() {
        return Ok(address);
    }
    Err("must be a loopback address, or a Unix socket: whoever reaches it sees the settings"
        .to_owned())
}

impl Reader<'_> {
    pub(super) fn listen(&mut self, profile: Profile) -> Listen {
        let to_ten_minutes = Duration::ZERO..=minutes(10);
        let (grpc, http) = (self.grpc_addr(), self.address(settings::HTTP_ADDR));
        let admin = self.given(settings::ADMIN_ADDR, Address::parse);
        let Tls { grpc: grpc_tls, http: http_tls, admin: admin_tls } =
            self.tls(profile, &grpc, &http, admin.as_ref());
        if grpc.is_same_place(&http) && http_tls != grpc_tls {
            let text = format!("must not differ where {} is gRPC's", settings::HTTP_ADDR.name);
            self.problems.add(super::tls_settings::HTTP_TLS, text);
        }
        let http_rpcs = self.given(settings::HTTP_RPCS, on_or_off);
        let http_rpcs = http_rpcs.unwrap_or(is_as_protected(http_tls.as_ref(), grpc_tls.as_ref()));
        let home = profile == Profile::Development && http.is_local();
        Listen {
            grpc,
            http,
            admin,
            debug: self.given(settings::DEBUG_ADDR, debug),
            grpc_tls,
            http_tls,
            admin_tls,
            trusted_proxies: self.trusted_proxies(),
            callers: self.given(settings::CALLERS, Callers::parse).map(Arc::new),
            reflection: self.read_in(profile, settings::REFLECTION, on_or_off).unwrap_or_default(),
            http_rpcs,
            docs: self.read_in(profile, settings::DOCS, on_or_off).unwrap_or_default(),
            home,
            passkey_pages: self.passkey_pages(),
            origins: self.given(settings::CORS_ORIGINS, Origins::parse).unwrap_or_default(),
            stream_age: self.duration(settings::STREAM_AGE, minutes(1)..=days(1)),
            error_domain: self
                .read(settings::ERROR_DOMAIN, |text| ErrorDomain::parse(text).map(Some))
                .unwrap_or_default(),
            names_server: self.switch(settings::SERVER_HEADER),
            drain_delay: self
                .read_in(profile, settings::DRAIN_DELAY, duration(to_ten_minutes.clone()))
                .unwrap_or_default(),
            shutdown_timeout: self.duration(settings::SHUTDOWN_TIMEOUT, to_ten_minutes),
        }
    }

    pub(super) fn grpc_addr(&mut self) -> Address {
        self.address(settings::GRPC_ADDR)
    }

    fn address(&mut self, setting: Setting) -> Address {
        let address = self.read(setting, |text| Address::parse(text).map(Some));
        // Not used: a problem was reported.
        address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
    }

    fn trusted_proxies(&mut self) -> TrustedProxies {
        let proxies = self.given(settings::TRUSTED_PROXIES, |text| {
            TrustedProxies::parse(text).map_err(str::to_owned)
        });
        let header = self.read(settings::FORWARDED_HEADER, |text| {
            ForwardedHeader::parse(text).map_err(str::to_owned)
        });
        proxies.unwrap_or_default().writing(header)
    }
}
