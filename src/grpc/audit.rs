//! Events and subscriptions to protobuf messages.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::convert::timestamp;
use crate::{
    domain::{Event, InvalidField, Subscription, Timestamp},
    pb,
    service::{
        CreateSubscriptionRequest, CreatedSubscription, Error, EventUpdate, ListEventsRequest,
        ListedEvents,
    },
};

/// An event. What is unknown is empty.
pub(super) fn event(event: Event) -> pb::AuditEvent {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    pb::AuditEvent {
        id: event.id.to_string(),
        kind: event.kind.as_str().to_owned(),
        user_id: id(event.user_id),
        session_id: id(event.session_id),
        service_account_id: event.service_account_id.map(|id| id.to_string()).unwrap_or_default(),
        actor: event.actor.map(|actor| actor.to_string()).unwrap_or_default(),
        address: event.address.map(|address| address.to_string()).unwrap_or_default(),
        time: Some(timestamp(event.at)),
        subscription_id: id(event.subscription_id),
    }
}

/// A message of a stream.
pub(super) fn event_update(update: EventUpdate) -> pb::WatchEventsResponse {
    let EventUpdate { cursor, event: found } = update;
    pb::WatchEventsResponse { cursor: cursor.to_string(), event: found.map(event) }
}

/// The request of a page.
///
/// # Errors
/// A time that is none.
pub(super) fn list_request(request: pb::ListEventsRequest) -> Result<ListEventsRequest, Error> {
    let pb::ListEventsRequest { page_size, page_token, filter } = request;
    let pb::EventFilter { user_id, kinds, from, before } = filter.unwrap_or_default();
    let mut bad = Vec::new();
    let mut time = |field, given: Option<prost_types::Timestamp>| {
        let time = given.map(|given| time_of(field, given)).transpose();
        time.unwrap_or_else(|problem| {
            bad.push(problem);
            None
        })
    };
    let (from, before) = (time("from", from), time("before", before));
    if !bad.is_empty() {
        return Err(Error::InvalidFields(bad));
    }
    Ok(ListEventsRequest { page_size, page_token, user_id, kinds, from, before })
}

/// A time of the years 1970 to 9999.
fn time_of(field: &'static str, time: prost_types::Timestamp) -> Result<Timestamp, InvalidField> {
    let valid =
        (0..=253_402_300_799).contains(&time.seconds) && (0..1_000_000_000).contains(&time.nanos);
    if !valid {
        return Err(InvalidField::new(field, "must be a time of the years 1970 to 9999"));
    }
    Ok(Timestamp::from_unix_micros(time.seconds * 1_000_000 + i64::from(time.nanos) / 1000))
}

/// A page.
pub(super) fn listed(listed: ListedEvents) -> pb::ListEventsResponse {
    let ListedEvents { events, next_page_token } = listed;
    pb::ListEventsResponse { events: events.into_iter().map(event).collect(), next_page_token }
}

/// The request of a subscription. Without one, its URL is empty.
pub(super) fn create_request(request: pb::CreateSubscriptionRequest) -> CreateSubscriptionRequest {
    let pb::CreateSubscriptionRequest { subscription, secret, validate_only } = request;
    let pb::Subscription { url, kinds, .. } = subscription.unwrap_or_default();
    CreateSubscriptionRequest { url, kinds, secret: Zeroizing::new(secret), validate_only }
}

/// A new subscription, with its secret.
pub(super) fn created(created: CreatedSubscription) -> pb::CreateSubscriptionResponse {
    let CreatedSubscription { subscription: new, secret } = created;
    let subscription = Some(subscription(new));
    pb::CreateSubscriptionResponse { subscription, secret: secret.to_string() }
}

/// A subscription. One that was only checked has no id.
pub(super) fn subscription(subscription: Subscription) -> pb::Subscription {
    let Subscription { id, url, kinds, created_at, disabled_at } = subscription;
    pb::Subscription {
        id: if id.is_nil() { String::new() } else { id.to_string() },
        url,
        kinds: kinds.names().to_vec(),
        create_time: Some(timestamp(created_at)),
        disable_time: disabled_at.map(timestamp),
    }
}
