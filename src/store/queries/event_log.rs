//! [`EventLog`](crate::store::EventLog).

use async_trait::async_trait;

use super::{Backend, statements::event_log};
use crate::{
    domain::Event,
    store::{EventLog, EventPage, EventsState, Numbered, NumberedEvent, Result},
};

#[async_trait]
impl EventLog for Backend {
    async fn events_state(&self) -> Result<EventsState> {
        self.read("events_state", (), |connection, ()| Box::pin(event_log::state(connection))).await
    }

    async fn events_number(&self, most: u32) -> Result<Numbered> {
        self.write("events_number", most, |connection, most| {
            Box::pin(event_log::number(connection, *most))
        })
        .await
    }

    async fn events_after(&self, seq: i64, most: u32) -> Result<Vec<NumberedEvent>> {
        self.read("events_after", (seq, most), |connection, (seq, most)| {
            Box::pin(event_log::after(connection, *seq, *most))
        })
        .await
    }

    async fn events_page(&self, page: EventPage) -> Result<Vec<Event>> {
        self.read("events_page", page, |connection, page| {
            Box::pin(event_log::page(connection, page))
        })
        .await
    }
}
