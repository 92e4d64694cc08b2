//! Events in the order of their commits, and pages of them (ADR 38).

use async_trait::async_trait;
use uuid::Uuid;

use super::Result;
use crate::domain::{Event, Timestamp};

/// Reads events, and numbers them after their commit.
#[async_trait]
pub trait EventLog {
    /// The last number, and whether there are events without one.
    async fn events_state(&self) -> Result<EventsState>;

    /// Numbers up to `most` committed events, the oldest first. Returns how many, and the last number then. Concurrent rounds come one after
    /// the other.
    async fn events_number(&self, most: u32) -> Result<Numbered>;

    /// The events after a number, in order, at most `most`.
    async fn events_after(&self, seq: i64, most: u32) -> Result<Vec<NumberedEvent>>;

    /// A page of events, newest first: by time, and by id where that is the same.
    async fn events_page(&self, page: EventPage) -> Result<Vec<Event>>;
}

/// What is numbered, and what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsState {
    /// The last number; 0 if there is none.
    pub head: i64,
    /// The time of the oldest event without a number.
    pub unnumbered_since: Option<Timestamp>,
}

/// What a round has numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// How many events.
    pub count: usize,
    /// The last number.
    pub head: i64,
}

/// An event and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedEvent {
    /// Its number in the order of the commits, from 1.
    pub seq: i64,
    /// The event.
    pub event: Event,
}

/// Which page of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPage {
    /// The user; all if `None`.
    pub user_id: Option<Uuid>,
    /// The earliest time.
    pub from: Timestamp,
    /// The event that came last on the page before, or the time before which the page begins, and the nil id.
    pub before: (Timestamp, Uuid),
    /// The most to return.
    pub most: u32,
}
