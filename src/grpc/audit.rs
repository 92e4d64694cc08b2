//! Events and subscriptions to protobuf messages.

use uuid::Uuid;

use super::convert::timestamp;
use crate::{domain::Event, pb, service::EventUpdate};

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
