//! Subscriptions: events that are posted to a URL (webhooks).

use uuid::Uuid;

use super::{EventKinds, Timestamp};

/// Who gets which events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: Uuid,
    /// Where events are posted. Path and query may be secret: they are for no log.
    pub url: String,
    /// The kinds that are wanted.
    pub kinds: EventKinds,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when it is disabled, after a day of failures.
    pub disabled_at: Option<Timestamp>,
}
