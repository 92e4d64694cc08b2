//! Webhooks: a message as JSON, signed, to a service of the operator's that passes it on.

use std::{net::IpAddr, time::Duration};

use http::{
    Request, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::Serialize;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Content, Failure, HookUrl, Message, Secret, Trust, reason};
use crate::domain::Timestamp;

/// From nothing to the status of the answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A service that passes messages on.
pub struct Webhook {
    url: HookUrl,
    secret: Secret,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("place", &self.place()).finish_non_exhaustive()
    }
}

/// The body. Fields may be added; receivers let those be that they do not know.
#[derive(Serialize)]
struct Body<'a> {
    id: Uuid,
    /// `one_time_code` or `notice`.
    r#type: &'static str,
    purpose: &'static str,
    username: &'a str,
    destination: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// From where it was asked for, or done; not there where that is unknown, or an operator did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    create_time: String,
    expire_time: String,
}

impl Webhook {
    /// A webhook; nobody connects to it yet.
    ///
    /// # Errors
    /// The TLS library's own.
    pub fn new(url: HookUrl, secret: Secret, trust: &Trust) -> Result<Self, rustls::Error> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.client()?)
            // Without TLS only on this machine: `HookUrl` has seen to that.
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Ok(Self { url, secret, client })
    }

    /// The service, for people. The path and what comes after it are its own business.
    pub(super) fn place(&self) -> String {
        self.url.0.origin().ascii_serialization()
    }

    pub(super) async fn send(
        &self,
        id: Uuid,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let request = self
            .request(id, message, now)
            .map_err(|error| Failure::Refused(reason("no request can be made", &*error)))?;
        // The status says it all: the body is not read, and redirects are not followed.
        match timeout(TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) => judge(response.status()),
            Ok(Err(error)) => Err(Failure::Later(reason("no answer from the webhook", &error))),
            Err(_elapsed) => Err(Failure::Later("the webhook does not answer".into())),
        }
    }

    fn request(
        &self,
        id: Uuid,
        message: &Message,
        now: Timestamp,
    ) -> Result<Request<Full<Bytes>>, Box<dyn std::error::Error>> {
        let body = serde_json::to_vec(&Body::of(id, message))?;
        let (id, timestamp) = (id.to_string(), now.unix_seconds());
        let request = Request::post(self.url.0.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .header("webhook-signature", self.secret.sign(&id, timestamp, &body))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp);
        Ok(request.body(Full::new(body.into()))?)
    }
}

impl<'a> Body<'a> {
    fn of(id: Uuid, message: &'a Message) -> Self {
        let time = |time: Timestamp| humantime::format_rfc3339_micros(time.into()).to_string();
        let (r#type, code) = match &message.content {
            Content::Code { code, .. } => ("one_time_code", Some(code.expose())),
            Content::Notice(_) => ("notice", None),
        };
        Self {
            id,
            r#type,
            purpose: message.content.kind(),
            username: &message.username,
            destination: &message.destination,
            code,
            address: message.address,
            create_time: time(message.created_at),
            expire_time: time(message.expires_at()),
        }
    }
}

/// What an answer means. For good is what says that this very message is not wanted; all else may pass, a wrong path or
/// secret (401, 403, 404) too: somebody is setting it up.
fn judge(status: StatusCode) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let text = format!("the webhook answered {}", status.as_u16());
    let for_good = [
        StatusCode::BAD_REQUEST,
        StatusCode::GONE,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    Err(if for_good.contains(&status) { Failure::Refused(text) } else { Failure::Later(text) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::message::tests::all;

    #[test]
    fn only_what_is_not_wanted_is_given_up() {
        for status in [200, 201, 204] {
            assert_eq!(judge(StatusCode::from_u16(status).unwrap()), Ok(()));
        }
        for status in [400, 410, 413, 422] {
            let judged = judge(StatusCode::from_u16(status).unwrap());
            assert!(matches!(judged, Err(Failure::Refused(_))), "{status}");
        }
        for status in [301, 302, 307, 401, 403, 404, 408, 425, 429, 500, 502, 503] {
            let judged = judge(StatusCode::from_u16(status).unwrap());
            assert!(matches!(judged, Err(Failure::Later(_))), "{status}");
        }
    }

    #[test]
    fn a_notice_has_no_code_and_a_code_says_until_when() {
        for message in all() {
            let json = serde_json::to_value(Body::of(Uuid::nil(), &message)).unwrap();
            assert_eq!(json["purpose"], message.content.kind());
            let is_code = json["type"] == "one_time_code";
            assert_eq!(json.get("code").is_some(), is_code);
            assert_eq!(json["address"], "192.0.2.1");
            let unknown = Message { address: None, ..message };
            let json_unknown = serde_json::to_value(Body::of(Uuid::nil(), &unknown)).unwrap();
            assert_eq!(json_unknown.get("address"), None);
            if is_code {
                assert_eq!(json["expire_time"], "2027-01-15T08:05:00.000000Z");
            }
        }
    }
}
