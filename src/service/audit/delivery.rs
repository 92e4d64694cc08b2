//! Posts one event, and judges the answer.

use tracing::Instrument as _;
use uuid::Uuid;

use super::{message::EventMessage, subscriptions::Subscriptions};
use crate::{
    delivery::{Failure, FailureKind, Secret, retry_after},
    domain::{FetchUrl, Timestamp},
    fetch::{Fetcher, Posted},
    store::SubscriptionTarget,
    token::Place,
    trace,
};

/// Statuses that ask the sender to wait (RFC 9110, section 10.2.3).
const ASKS: [u16; 2] = [429, 503];

/// Why an event was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotDelivered {
    /// How it is tried again. The receiver knows an event by its id, so a doubtful delivery is repeated as well.
    pub(super) failure: Failure,
    /// Whether the receiver wants no more events (410, as Standard Webhooks says).
    pub(super) is_gone: bool,
}

impl NotDelivered {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self { failure: Failure::new(FailureKind::Away, why), is_gone: false }
    }
}

impl Subscriptions {
    /// Posts an event. The address that is called is looked at (SSRF), and redirects are not followed.
    ///
    /// # Errors
    /// Anything but a status of 2xx.
    pub(super) async fn post(
        &self,
        fetcher: &Fetcher,
        (id, target): (Uuid, &SubscriptionTarget),
        message: EventMessage,
        now: Timestamp,
    ) -> Result<(), NotDelivered> {
        let url = FetchUrl::parse_webhook(&target.url, &self.networks);
        let url = url.map_err(|wanted| NotDelivered::because(format!("the URL {wanted}")))?;
        let secret = self.secret(id, target).ok_or_else(|| {
            NotDelivered::because("the secret can't be decrypted with this master key")
        })?;
        let (event, timestamp) = (message.event_id.to_string(), now.unix_seconds());
        let body = message.body.into_bytes();
        let headers = [
            ("webhook-signature", secret.sign(&event, timestamp, &body)),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-id", event),
        ];
        // No call is known here: events are numbered and posted later, perhaps by another replica.
        let traced = trace::Delivery::begin(None, "post event".into());
        let posting = fetcher.post(&url, &headers, body).instrument(traced.span.clone());
        let posted = posting.await.map_err(|error| NotDelivered {
            failure: Failure::of("no answer", &error),
            is_gone: false,
        });
        let status = posted.as_ref().ok().map(|answer| answer.status);
        let judged = posted.and_then(|answer| judge(&answer, now));
        traced.end(|| {
            let status = status.map(|status| ("http.response.status_code", status.into()));
            let failed = judged.as_ref().err().map(|not| not.failure.kind.name());
            let error = failed.map(|kind| ("error.type", kind.into()));
            let method = ("http.request.method", "POST".into());
            ([method].into_iter().chain(status).chain(error).collect(), failed.is_some())
        });
        judged
    }

    fn secret(&self, id: Uuid, target: &SubscriptionTarget) -> Option<Secret> {
        let place = Place::SubscriptionSecret(id);
        let plain = self.master_key.open(&place, &target.sealed_secret).ok()?;
        Secret::parse_of_subscription(std::str::from_utf8(&plain).ok()?).ok()
    }
}

fn judge(answer: &Posted, now: Timestamp) -> Result<(), NotDelivered> {
    let status = answer.status;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let asked = answer.retry_after.as_deref().filter(|_| ASKS.contains(&status));
    let asked = asked.and_then(|text| retry_after(text, now));
    let NotDelivered { failure, .. } = NotDelivered::because(format!("the answer was {status}"));
    Err(NotDelivered { failure: failure.after(asked), is_gone: status == 410 })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_success_is_a_delivery_and_only_two_answers_ask_for_a_pause() {
        let now = Timestamp::from_unix_micros(0);
        for status in 100..600 {
            let judged = judge(&Posted { status, retry_after: Some("90".into()) }, now);
            assert_eq!(judged.is_ok(), (200..300).contains(&status), "{status}");
            let Err(NotDelivered { failure, is_gone }) = judged else { continue };
            assert_eq!(is_gone, status == 410);
            let asked = [429, 503].contains(&status).then_some(Duration::from_secs(90));
            assert_eq!((failure.kind, failure.retry_after), (FailureKind::Away, asked), "{status}");
        }
    }
}
