//! [`Events`](crate::store::Events).

use async_trait::async_trait;

use super::{Backend, statements::events};
use crate::{
    domain::Event,
    store::{EventFilter, Events, Result, SealedMessage},
};

#[async_trait]
impl Events for Backend {
    async fn event_append(&self, event: Event, message: Option<SealedMessage>) -> Result<()> {
        self.write("event_append", (event, message), |connection, (event, message)| {
            Box::pin(events::append(connection, event, message.as_ref()))
        })
        .await
    }

    async fn events_list(&self, filter: EventFilter) -> Result<Vec<Event>> {
        self.read("events_list", filter, |connection, filter| {
            Box::pin(events::list(connection, filter))
        })
        .await
    }
}
