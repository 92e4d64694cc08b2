//! Failures, recorded: the events that no other write causes (ADR 17).

use std::net::IpAddr;

use uuid::Uuid;

use super::{Error, UseCases};
use crate::domain::{Event, EventKind};

impl UseCases {
    /// Records that an attempt failed. Before its answer: whoever hears that it failed is on record.
    ///
    /// # Errors
    /// The store's, which is then the answer.
    pub(super) async fn record_failure(
        &self,
        kind: EventKind,
        user_id: Option<Uuid>,
        session_id: Option<Uuid>,
        address: Option<IpAddr>,
    ) -> Result<(), Error> {
        let event = Event::of(kind, user_id, session_id, address, self.clock.now());
        Ok(self.store.event_append(event).await?)
    }
}
