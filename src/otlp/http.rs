//! OTLP over HTTP, in protobuf.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use prost::Message as _;

use super::{
    connector::{Connector, client},
    failure::Failure,
    messages::{Request, Response},
};
use crate::config::Export;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// The most bytes of an answer.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A client of a collector.
#[derive(Clone)]
pub(super) struct Collector {
    client: Client<Connector, Full<Bytes>>,
    endpoint: Uri,
    headers: HeaderMap,
    gzip: bool,
}

impl Collector {
    pub(super) fn new(export: &Export, connector: Connector) -> Self {
        let client = client(connector, false);
        let (endpoint, headers) = (export.endpoint.clone(), export.headers.clone());
        Self { client, endpoint, headers, gzip: export.gzip }
    }

    /// Sends one batch.
    pub(super) async fn send(&self, request: &Request) -> Result<Response, Failure> {
        let response = self.client.request(self.request(request)?).await;
        let response = response.map_err(|error| Failure::of(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(judge(status, response.headers()));
        }
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
        let body = body.map_err(|error| Failure::of(&*error))?.to_bytes();
        // Accepted, whatever else it says.
        Ok(Response::decode(body).unwrap_or_default())
    }

    fn request(&self, request: &Request) -> Result<http::Request<Full<Bytes>>, Failure> {
        let mut body = request.encode_to_vec();
        let mut post = http::Request::post(self.endpoint.clone())
            .header(USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")));
        if self.gzip {
            body = zip(&body).map_err(|error| Failure::lasting(error.to_string()))?;
            post = post.header(CONTENT_ENCODING, "gzip");
        }
        let post = post.body(Full::new(body.into()));
        let mut post = post.map_err(|error| Failure::lasting(error.to_string()))?;
        post.headers_mut().extend(self.headers.clone());
        post.headers_mut().insert(CONTENT_TYPE, PROTOBUF);
        Ok(post)
    }
}

fn zip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut zipped = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    zipped.write_all(body)?;
    zipped.finish()
}

/// What a status means, by OTLP's list of those that pass.
fn judge(status: StatusCode, headers: &HeaderMap) -> Failure {
    let why = format!("the collector answered {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let asked = asked.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
            Failure::passing(why, asked)
        }
        _ => Failure::lasting(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_pass_as_the_specification_says() {
        let mut headers = HeaderMap::new();
        for status in (300..600).filter_map(|status| StatusCode::from_u16(status).ok()) {
            let passes = [429, 502, 503, 504].contains(&status.as_u16());
            let expected = passes.then_some(Duration::ZERO);
            assert_eq!(judge(status, &headers).again, expected, "{status}");
        }
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        let again = judge(StatusCode::SERVICE_UNAVAILABLE, &headers).again;
        assert_eq!(again, Some(Duration::from_secs(7)));
    }
}
