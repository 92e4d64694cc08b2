//! Fetches small JSON documents of others: key sets, and where they are. Posts events to receivers.
//!
//! The URLs come from operators, and from documents of issuers: what they lead to is checked on the connection that is
//! made (SSRF, CWE-918), and time, size and redirects are bounded. Whose keys they are, and for how long, is the caller's
//! business (`service::assertions`).

mod bearer;
mod connection;
mod error;
mod freshness;
mod post;

use std::{path::Path, sync::Arc, time::Duration};

use http::{
    Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, HOST, LOCATION, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub use self::{error::FetchError, post::Posted};
use crate::{
    dial::Trust,
    domain::{FetchUrl, PrivateNetworks},
};

/// Time limit of one fetch, from the name's resolution to the last byte.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of a document.
pub const LONGEST_BODY: usize = 64 * 1024;

/// A client of the servers that publish keys. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    tls: TlsConnector,
    networks: PrivateNetworks,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("networks", &self.networks).finish_non_exhaustive()
    }
}

/// A document.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its bytes: JSON, if the server is right.
    pub body: Bytes,
    /// How long it may be used without asking again: a minute to a day.
    pub fresh_for: Duration,
}

impl Fetcher {
    /// A client that calls the internet, and these networks.
    ///
    /// # Errors
    /// The TLS library's own.
    pub fn new(trust: &Trust, networks: PrivateNetworks) -> Result<Self, rustls::Error> {
        let mut config = trust.client()?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), networks })
    }

    /// Fetches a document. A bearer token is read from its file each time: Kubernetes renews it.
    ///
    /// # Errors
    /// What went wrong, and what to set.
    pub async fn get(&self, url: &FetchUrl, bearer: Option<&Path>) -> Result<Fetched, FetchError> {
        timeout(TIMEOUT, self.get_without_limit(url, bearer))
            .await
            .unwrap_or_else(|_elapsed| Err(FetchError::Slow(TIMEOUT)))
    }

    async fn get_without_limit(
        &self,
        url: &FetchUrl,
        bearer: Option<&Path>,
    ) -> Result<Fetched, FetchError> {
        let request = request(url, bearer)?;
        let mut connection = connection::open(url, &self.networks, &self.tls).await?;
        let response = connection.sender.send_request(request).await.map_err(FetchError::Http)?;
        let (head, body) = response.into_parts();
        match head.status {
            StatusCode::OK => {}
            status if status.is_redirection() => {
                let place = head.headers.get(LOCATION).and_then(|value| value.to_str().ok());
                return Err(FetchError::redirect(status, place));
            }
            status => return Err(FetchError::Status(status)),
        }
        let fresh_for = freshness::of(&head.headers);
        Ok(Fetched { body: whole(body).await?, fresh_for })
    }
}

fn request(url: &FetchUrl, bearer: Option<&Path>) -> Result<Request<Full<Bytes>>, FetchError> {
    let mut request = Request::get(url.target())
        .header(HOST, url.authority())
        .header(ACCEPT, "application/json, application/jwk-set+json")
        .header(USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")));
    if let Some(file) = bearer {
        request = request.header(AUTHORIZATION, bearer::header(file)?);
    }
    request.body(Full::default()).map_err(FetchError::Request)
}

/// The body, if it is not too long.
async fn whole(body: Incoming) -> Result<Bytes, FetchError> {
    let collected = Limited::new(body, LONGEST_BODY).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| {
        if error.is::<LengthLimitError>() {
            FetchError::TooLong(LONGEST_BODY)
        } else {
            FetchError::BrokenOff(error)
        }
    })
}
