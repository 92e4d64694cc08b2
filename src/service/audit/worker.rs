//! Puts events into the outbox for each subscription, and posts them. Every replica has a worker: which of them enqueues is decided by a compare
//! and set, and which of them posts by a lease, as for messages to people.
//!
//! Each subscription has its own few places: a receiver that hangs holds up neither the others nor the messages to people, which have a worker of
//! their own.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    delivery::NotDelivered, figures::DeliveryFigures, message::EventMessage,
    subscriptions::Subscriptions,
};
use crate::{
    domain::{Actor, Event, EventKind},
    fetch::Fetcher,
    service::outbox::{pause, within},
    store::{
        self, ClaimedMessage, Consequence, FailedDelivery, NumberedEvent, SealedEvent,
        SubscriptionWork,
    },
    token::Place,
};

/// Messages of one subscription that are posted at a time.
const PLACES: usize = 4;

/// Events that are read and enqueued in one transaction.
const BATCH: u32 = 100;

/// The most of these in one round: then other subscriptions have their turn.
const MOST_BATCHES: u32 = 20;

/// No more events are enqueued for a subscription while so many wait: they wait in the audit log, and the outbox stays short.
const ENOUGH: i64 = 100;

/// The lease on a message: longer than a delivery can take.
const LEASE: Duration = Duration::from_secs(60);

/// How long a message is of use. Its subscription is disabled before.
const TTL: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// How long a subscription may fail.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a shutdown waits for deliveries; another replica, or the next start, repeats the others.
const DRAIN: Duration = Duration::from_secs(2);

/// One server's worker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SubscriptionWorker {
    subscriptions: Arc<Subscriptions>,
    fetcher: Fetcher,
    look_every: Duration,
    figures: DeliveryFigures,
}

impl SubscriptionWorker {
    /// The worker of a server, which looks for work that often.
    pub fn new(
        subscriptions: Arc<Subscriptions>,
        fetcher: Fetcher,
        look_every: Duration,
        figures: DeliveryFigures,
    ) -> Self {
        Self { subscriptions, fetcher, look_every, figures }
    }

    /// Posts events until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let wake = Arc::clone(&self.subscriptions.wake);
        let (mut sending, mut places) = (JoinSet::new(), HashMap::new());
        let mut ticks = interval(self.look_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = wake.notified() => {}
                Some(_ended) = sending.join_next() => {}
                () = stop.cancelled() => break,
            }
            match within(&stop, self.round(&mut sending, &mut places)).await {
                Some(Ok(())) => {}
                // Readiness reports an unavailable database; the worker just looks again later.
                Some(Err(error)) => tracing::debug!(%error, "the subscriptions can't be read"),
                None => break,
            }
        }
        let drained = timeout(DRAIN, async { while sending.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::debug!("deliveries of events are cut off; they are repeated");
        }
    }

    /// Enqueues what is new, and begins to post what is due.
    async fn round(
        &self,
        sending: &mut JoinSet<()>,
        places: &mut HashMap<Uuid, Arc<()>>,
    ) -> store::Result<()> {
        let subscriptions = &self.subscriptions;
        let work = subscriptions.store.subscriptions_work(subscriptions.clock.now()).await?;
        self.figures.subscriptions(&work);
        places.retain(|id, _| work.iter().any(|work| work.id == *id));
        for work in work {
            let mut is_due = work.is_due;
            if work.is_behind && work.queued < ENOUGH {
                is_due |= self.enqueue(&work).await?;
            }
            let place = places.entry(work.id).or_default();
            let free = (PLACES + 1).saturating_sub(Arc::strong_count(place));
            if !is_due || work.is_paused || free == 0 {
                continue;
            }
            let now = subscriptions.clock.now();
            let claim = subscriptions.store.subscription_claim(work.id, now, now.plus(LEASE), free);
            for claimed in claim.await? {
                let (worker, place, id) = (self.clone(), Arc::clone(place), work.id);
                sending.spawn(async move {
                    worker.handle(id, &claimed).await;
                    drop(place);
                });
            }
        }
        Ok(())
    }

    /// Puts the next events into the outbox, until enough wait there or there are no more. Returns whether any of them is wanted.
    async fn enqueue(&self, work: &SubscriptionWork) -> store::Result<bool> {
        let store = &self.subscriptions.store;
        let (mut seq, mut queued) = (work.seq, work.queued);
        for _ in 0..MOST_BATCHES {
            let events = store.events_after(seq, BATCH).await?;
            let Some(to) = events.last().map(|last| last.seq) else { break };
            let wanted = events.iter().filter(|found| work.kinds.want(found.event.kind));
            let Some(messages) = wanted.map(|found| self.seal(found)).collect::<Option<Vec<_>>>()
            else {
                tracing::error!("an event can't be encrypted");
                break;
            };
            let added = i64::try_from(messages.len()).unwrap_or(i64::MAX);
            if !store.subscription_enqueue(work.id, seq, to, messages).await? {
                break;
            }
            (seq, queued) = (to, queued.saturating_add(added));
            if queued >= ENOUGH || events.len() < BATCH as usize {
                break;
            }
        }
        Ok(queued > work.queued)
    }

    fn seal(&self, numbered: &NumberedEvent) -> Option<SealedEvent> {
        let (id, created_at) = (Uuid::now_v7(), self.subscriptions.clock.now());
        let plain = EventMessage::new(numbered).encode().ok()?;
        let sealed = self.subscriptions.master_key.seal(&Place::Message(id), &plain).ok()?;
        Some(SealedEvent { id, sealed, created_at, expires_at: created_at.plus(TTL) })
    }

    /// Posts a claimed message, if its subscription is still there.
    async fn handle(&self, id: Uuid, claimed: &ClaimedMessage) {
        if let Err(error) = self.deliver(id, claimed).await {
            // The lease runs out, and it is tried again: at least once.
            tracing::debug!(%error, "the outcome of a delivery can't be stored");
        }
    }

    async fn deliver(&self, id: Uuid, claimed: &ClaimedMessage) -> store::Result<()> {
        let (store, now) = (&self.subscriptions.store, self.subscriptions.clock.now());
        // Read now: a subscription that was deleted since gets nothing more.
        let Some(target) = store.subscription_target(id).await? else {
            return store.outbox_remove(claimed.id).await;
        };
        if claimed.expires_at <= now {
            self.figures.given_up();
            return store.outbox_remove(claimed.id).await;
        }
        let sent = match self.open(claimed) {
            Some(message) => {
                self.subscriptions.post(&self.fetcher, (id, &target), message, now).await
            }
            None => Err(NotDelivered::because("the event can't be decrypted")),
        };
        match sent {
            Ok(()) => {
                self.figures.delivered();
                store.subscription_succeeded(id, claimed.id).await
            }
            Err(not) => self.failed(id, claimed, not).await,
        }
    }

    fn open(&self, claimed: &ClaimedMessage) -> Option<EventMessage> {
        let place = Place::Message(claimed.id);
        EventMessage::decode(&self.subscriptions.master_key.open(&place, &claimed.sealed).ok()?)
    }

    /// The message waits, longer each time. After a day without a success the subscription is disabled.
    async fn failed(
        &self,
        id: Uuid,
        claimed: &ClaimedMessage,
        NotDelivered { failure, is_gone }: NotDelivered,
    ) -> store::Result<()> {
        self.figures.failed();
        let now = self.subscriptions.clock.now();
        let pause = pause(claimed, &failure).unwrap_or(LEASE);
        let kind = EventKind::SubscriptionDisabled;
        let event = Event::of(kind, None, None, Actor::Nobody, None, now).about_subscription(id);
        let failed = FailedDelivery {
            id,
            message: claimed.id,
            tries: claimed.tries,
            now,
            next_try_at: now.plus(pause),
            paused_until: failure.retry_after.map(|asked| now.plus(asked)),
            failing_too_long: now.minus(DAY),
            is_gone,
            event,
        };
        let (subscription, why) = (id, failure.why.as_str());
        match self.subscriptions.store.subscription_failed(failed).await? {
            Consequence::Begun => {
                tracing::warn!(%subscription, why, "events are not delivered; they are tried again");
            }
            Consequence::Disabled => {
                tracing::error!(%subscription, why, "a subscription is disabled: its events were not delivered");
            }
            Consequence::GoesOn | Consequence::None => {
                tracing::debug!(%subscription, why, tries = claimed.tries, "an event waits");
            }
        }
        Ok(())
    }
}
