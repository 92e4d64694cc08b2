//! Webhooks: a message as signed JSON, to a service of the operator's that passes it on.

use std::{net::IpAddr, time::Duration};

use http::{
    HeaderMap, Request, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use serde::Serialize;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    Content, EmailChanged, Failure, FailureKind, HookUrl, Message, Progress, Secret, SeenSession,
    Trust, failure::reason, pause::Pause, retry_after::retry_after,
};
use crate::{
    dial::{Tcp, reach},
    domain::Timestamp,
    trace::propagated,
};

/// Time limit from the start to the status of the answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A client of a service that passes messages on.
pub struct Webhook {
    url: HookUrl,
    secret: Secret,
    connector: HttpsConnector<Tcp>,
    client: Client<HttpsConnector<Tcp>, Full<Bytes>>,
    pause: Pause,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("place", &self.place()).finish_non_exhaustive()
    }
}

/// The body. Fields may be added; receivers ignore unknown ones.
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
    /// The client address behind the request or change; absent where that is unknown, or an operator did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    /// What undoes what a notice tells of. A secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    undo_code: Option<String>,
    /// What its user calls the device that the notice is about; absent in all other messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_name: Option<&'a str>,
    /// What a former address hears of a change; absent in all other messages.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    change: Option<Change<'a>>,
    create_time: String,
    expire_time: String,
}

#[derive(Serialize)]
struct Change<'a> {
    new_address: &'a str,
    sessions: Vec<Seen<'a>>,
    more_sessions: usize,
}

#[derive(Serialize)]
struct Seen<'a> {
    device_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    last_used_time: String,
}

impl Webhook {
    /// A client of a webhook, not yet connected.
    ///
    /// # Errors
    /// The TLS library's own.
    pub fn new(url: HookUrl, secret: Secret, trust: &Trust) -> Result<Self, rustls::Error> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.client()?)
            // Plain HTTP only on this machine: `HookUrl` has checked that.
            .https_or_http()
            .enable_http1()
            .wrap_connector(Tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector.clone());
        Ok(Self { url, secret, connector, client, pause: Pause::default() })
    }

    /// The service, for an operator. The path and what follows may hold secrets.
    pub(super) fn place(&self) -> String {
        self.url.0.origin().ascii_serialization()
    }

    /// Connects, and asks for nothing.
    pub(super) async fn reach(&self) -> Result<(), String> {
        let url =
            self.url.0.as_str().parse().map_err(|_invalid| "its URL is invalid".to_owned())?;
        let reached = reach(self.connector.clone(), url).await;
        reached.map_err(|error| reason("the webhook", &*error))
    }

    pub(super) async fn send(
        &self,
        id: Uuid,
        message: &Message,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<(), Failure> {
        self.pause.check()?;
        let request = self.request(id, message, now).map_err(|error| {
            Failure::new(FailureKind::Refused, reason("no request can be made", &*error))
        })?;
        progress.hand_over();
        // Status and headers suffice: the body is not read, and redirects are not followed.
        match timeout(TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) => self.judge(response.status(), response.headers(), now),
            Ok(Err(error)) => {
                // Without a connection nothing was sent. On one, the service may have accepted the message.
                let kind =
                    if error.is_connect() { FailureKind::Away } else { FailureKind::Unknown };
                Err(Failure::new(kind, reason("no answer from the webhook", &error)))
            }
            Err(_elapsed) => {
                let why = "the webhook does not answer".to_owned();
                Err(Failure::new(FailureKind::Unknown, why))
            }
        }
    }

    /// Judges an answer. `Retry-After` (RFC 9110, section 10.2.3) pauses all messages (backpressure).
    fn judge(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let judged = judge(status);
        let Err(failure) = judged else {
            self.pause.end();
            return judged;
        };
        let asks = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        match asked.and_then(|text| retry_after(text, now)).filter(|_| asks.contains(&status)) {
            Some(wait) => Err(self.pause.start(failure, wait, wait)),
            None => Err(failure),
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
        let request_id = message.cause.request_id.iter();
        let request =
            request_id.fold(request, |request, id| request.header("x-request-id", id.as_str()));
        let mut request = request.body(Full::new(body.into()))?;
        request.headers_mut().extend(propagated());
        Ok(request)
    }
}

impl<'a> Body<'a> {
    fn of(id: Uuid, message: &'a Message) -> Self {
        let (r#type, code, change) = match &message.content {
            Content::Code { code, .. } => ("one_time_code", Some(code.expose()), None),
            Content::Notice(_) | Content::Device(_) | Content::DeletionRequested(_) => {
                ("notice", None, None)
            }
            Content::EmailChanged(changed) => ("notice", None, Some(Change::from(&**changed))),
        };
        let undo = message.content.undo();
        let device_name = match &message.content {
            Content::Device(about) => Some(about.device_name.as_str()),
            Content::Code { .. }
            | Content::Notice(_)
            | Content::EmailChanged(_)
            | Content::DeletionRequested(_) => None,
        };
        Self {
            id,
            r#type,
            purpose: message.content.kind(),
            username: &message.username,
            destination: &message.destination,
            code,
            address: message.address,
            undo_code: undo.map(|undo| undo.code.shown().to_string()),
            device_name,
            change,
            create_time: time(message.created_at),
            expire_time: time(message.expires_at()),
        }
    }
}

impl<'a> From<&'a EmailChanged> for Change<'a> {
    fn from(changed: &'a EmailChanged) -> Self {
        let seen = |session: &'a SeenSession| Seen {
            device_name: &session.device_name,
            address: session.address,
            last_used_time: time(session.last_used_at),
        };
        Self {
            new_address: &changed.masked_address,
            sessions: changed.sessions.iter().map(seen).collect(),
            more_sessions: changed.more_sessions,
        }
    }
}

fn time(time: Timestamp) -> String {
    humantime::format_rfc3339_micros(time.into()).to_string()
}

/// The class of a status. Permanent only where it refuses this very message; a wrong path or secret (401, 403, 404) is
/// transient too: an operator may be setting the service up.
fn judge(status: StatusCode) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let kind = match status {
        StatusCode::BAD_REQUEST
        | StatusCode::GONE
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => FailureKind::Refused,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            FailureKind::Away
        }
        _ if status.is_server_error() => FailureKind::Away,
        _ => FailureKind::Setup,
    };
    Err(Failure::new(kind, format!("the webhook answered {}", status.as_u16())))
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
            assert_eq!(judged.unwrap_err().kind, FailureKind::Refused, "{status}");
        }
        for status in [301, 302, 307, 401, 403, 404, 405] {
            let judged = judge(StatusCode::from_u16(status).unwrap());
            assert_eq!(judged.unwrap_err().kind, FailureKind::Setup, "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503] {
            let judged = judge(StatusCode::from_u16(status).unwrap());
            assert_eq!(judged.unwrap_err().kind, FailureKind::Away, "{status}");
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
            let is_of_a_device = matches!(message.content, Content::Device(_));
            assert_eq!(json.get("device_name").is_some(), is_of_a_device);
            let unknown = Message { address: None, ..message };
            let json_unknown = serde_json::to_value(Body::of(Uuid::nil(), &unknown)).unwrap();
            assert_eq!(json_unknown.get("address"), None);
            if is_code {
                assert_eq!(json["expire_time"], "2027-01-15T08:05:00.000000Z");
            }
        }
    }
}
