//! The audit log as administrators see it: lists of events, streams of them, and subscriptions that post them.

mod cursor;
mod delivery;
mod figures;
mod list_events;
mod log;
mod message;
mod subscriptions;
mod watch_events;
mod watcher;
mod worker;

use std::{convert::Infallible, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;

use self::{figures::Figures, log::EventLog};
use crate::{
    service::{
        Clock,
        revocations::{RevocationPace, Revocations},
    },
    store::Store,
    token::MasterKey,
};

pub use self::{
    figures::DeliveryFigures,
    list_events::{ListEventsRequest, ListedEvents},
    subscriptions::{CreateSubscriptionRequest, CreatedSubscription, Subscriptions},
    watch_events::{EventStream, EventUpdate},
    watcher::Watcher,
    worker::SubscriptionWorker,
};

/// One replica's view of the audit log.
#[derive(Debug)]
pub struct AuditLog {
    store: Arc<dyn Store>,
    /// Encrypts page tokens.
    master_key: MasterKey,
    clock: Clock,
    revocations: Arc<Revocations>,
    log: EventLog,
    figures: Figures,
}

impl AuditLog {
    /// A log that has read nothing. Streams last about `stream_age`, and end with what `revocations` revoke.
    pub fn new(
        store: Arc<dyn Store>,
        master_key: MasterKey,
        clock: Clock,
        revocations: Arc<Revocations>,
        pace: RevocationPace,
        stream_age: Duration,
    ) -> Self {
        let log = EventLog::new(pace, stream_age);
        Self { store, master_key, clock, revocations, log, figures: Figures::default() }
    }

    /// Never returns. Numbers the events that were committed, and follows the numbers.
    pub async fn follow(&self) -> Infallible {
        self.log.follow(self.store.as_ref(), &self.clock, &self.figures).await
    }

    /// Ends all streams of events: an open one would block a graceful shutdown.
    pub fn end_streams(&self) {
        self.log.end_streams();
    }

    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.figures.register(registry);
    }
}
