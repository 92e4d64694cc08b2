//! Posts a message to a receiver, whose answer is its status.

use std::time::Duration;

use http::{
    Request,
    header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT},
};
use http_body_util::Full;
use tokio::time::timeout;

use super::{Fetcher, connection, error::FetchError};
use crate::{domain::FetchUrl, trace::propagated};

/// Time limit from the name's resolution to the head of the answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// An answer. Its body is not read, and a redirect is a status as any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The status.
    pub status: u16,
    /// The header `retry-after`.
    pub retry_after: Option<String>,
}

impl Fetcher {
    /// Posts JSON with these headers.
    ///
    /// # Errors
    /// What went wrong, and what to set.
    pub async fn post(
        &self,
        url: &FetchUrl,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Posted, FetchError> {
        let mut request = Request::post(url.target())
            .header(HOST, url.authority())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body.into()));
        let mut request = request.map_err(FetchError::Request)?;
        request.headers_mut().extend(propagated());
        let posted = timeout(TIMEOUT, async {
            let mut connection = connection::open(url, &self.networks, &self.tls).await?;
            connection.sender.send_request(request).await.map_err(FetchError::Http)
        });
        let answer = posted.await.unwrap_or_else(|_elapsed| Err(FetchError::Slow(TIMEOUT)))?;
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        Ok(Posted { status: answer.status().as_u16(), retry_after })
    }
}
