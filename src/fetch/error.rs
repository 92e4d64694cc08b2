//! Why a document could not be fetched.

use std::{io, net::IpAddr, path::PathBuf, time::Duration};

use http::StatusCode;

/// Why a document could not be fetched, for an operator: what is wrong, and what to set. Not for callers, who could learn
/// from it what is in the network.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The name has no address.
    #[error("the name {0} does not resolve")]
    Name(String, #[source] io::Error),
    /// All of its addresses are private, or special.
    #[error(
        "{host} is at {address}, which is no address of the internet: if it is yours, name its network in \
         COUNTERSIGN_FETCH_PRIVATE"
    )]
    Private {
        /// The host of the URL.
        host: String,
        /// What it resolved to.
        address: IpAddr,
    },
    /// A host of another machine by HTTP.
    #[error(
        "{0} is not this machine: a connection without TLS stays on loopback addresses; use https"
    )]
    NotLoopback(IpAddr),
    /// A host that is in no private network by HTTP.
    #[error(
        "{0} is in no network that COUNTERSIGN_FETCH_PRIVATE names: a connection without TLS stays in those; use https"
    )]
    NotPrivate(IpAddr),
    /// No connection.
    #[error("{0} does not accept a connection")]
    Connect(String, #[source] io::Error),
    /// No TLS.
    #[error(
        "no TLS session with {0}: if its certificate is of an authority of your own, name that in \
         COUNTERSIGN_FETCH_CA"
    )]
    Tls(String, #[source] io::Error),
    /// A host that no certificate can be for.
    #[error("no certificate can be for the host {0}")]
    NoCertificate(String),
    /// The file of a bearer token can't be read.
    #[error("the bearer token in {} can't be read", .0.display())]
    Token(PathBuf, #[source] io::Error),
    /// The file holds no bearer token.
    #[error("the file {} must hold a bearer token and nothing else", .0.display())]
    MalformedToken(PathBuf),
    /// No request can be made of the URL.
    #[error("no request can be made for it")]
    Request(#[source] http::Error),
    /// HTTP went wrong.
    #[error("it does not answer in HTTP/1.1")]
    Http(#[source] hyper::Error),
    /// Not 200.
    #[error("it answers {}", .0.as_u16())]
    Status(StatusCode),
    /// A redirect, which is not followed.
    #[error("it answers {}, and redirects are not followed: set the URL that it leads to{place}", status.as_u16())]
    Redirect {
        /// 3xx.
        status: StatusCode,
        /// A comma and where it leads, or nothing.
        place: String,
    },
    /// Too many bytes.
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
    /// The body ended early.
    #[error("its answer broke off")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too late.
    #[error("it did not answer within {} s", .0.as_secs())]
    Slow(Duration),
}

impl FetchError {
    /// A redirect to `place`, which is shown as far as it is plain.
    pub(super) fn redirect(status: StatusCode, place: Option<&str>) -> Self {
        let shown =
            place.filter(|place| place.len() <= 256).and_then(|place| place.split('?').next());
        let place = shown.map(|place| format!(", {place}")).unwrap_or_default();
        Self::Redirect { status, place }
    }
}
