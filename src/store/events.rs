//! The audit log.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, SealedMessage};
use crate::domain::{Event, EventKind, Timestamp};

/// The audit log: append-only. Events of other writes are added by the methods of those writes.
#[async_trait]
pub trait Events {
    /// Adds an event that no other write causes, and the notice to the user, if there is one.
    async fn event_append(&self, event: Event, message: Option<SealedMessage>) -> Result<()>;

    /// The newest events that match, newest first.
    async fn events_list(&self, filter: EventFilter) -> Result<Vec<Event>>;
}

/// A filter of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFilter {
    /// The user; all if `None`.
    pub user_id: Option<Uuid>,
    /// The kind; all if `None`.
    pub kind: Option<EventKind>,
    /// The earliest time.
    pub since: Timestamp,
    /// The most to return.
    pub most: u32,
}
