//! Events: what happened that matters for security.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, SealedMessage};
use crate::domain::{Event, EventKind, Timestamp};

/// What happened that matters for security: appended, and never changed. What another write causes gets in by the method
/// that makes it.
#[async_trait]
pub trait Events {
    /// Adds an event that no other write causes, and the message that tells the user of it, if there is one.
    async fn event_append(&self, event: Event, message: Option<SealedMessage>) -> Result<()>;

    /// The newest of those that match, the newest first.
    async fn events_list(&self, filter: EventFilter) -> Result<Vec<Event>>;
}

/// Which events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFilter {
    /// Whose; everybody's if empty.
    pub user_id: Option<Uuid>,
    /// Of which kind; all if empty.
    pub kind: Option<EventKind>,
    /// Not older than this.
    pub since: Timestamp,
    /// How many at the most.
    pub most: u32,
}
