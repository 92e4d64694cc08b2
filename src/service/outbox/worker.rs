//! Sends what is in the outbox. Every replica has one; a message is sent by whoever claims it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::RngExt as _;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    UseCases, decoy,
    places::{More, Places},
};
use crate::{
    delivery::{Delivery, Failure, Message},
    domain::{CLOCK_SKEW, Timestamp},
    store::{ClaimedMessage, LONGEST_REST},
    token::Place,
};

/// For how long nobody else sends a message that was claimed: longer than any delivery takes.
const LEASE: Duration = Duration::from_secs(60);

/// The longest pause between two tries. A code lives for some minutes, so it must still get through after an outage.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The kind, in log and metrics, of what this release can't read.
const UNREADABLE: &str = "unreadable";

/// Why a message is given up that has expired.
const OUTDATED: &str = "it is of no use any more";

/// What rests for longer is recalled.
const _: () = assert!(
    LEASE.as_secs() <= LONGEST_REST.as_secs() && LONGEST_PAUSE.as_secs() <= LONGEST_REST.as_secs()
);

/// One server's worker.
#[derive(Clone)]
struct Worker {
    use_cases: UseCases,
    delivery: Delivery,
    places: Arc<Places>,
    /// Whether the last try failed: an outage is told once, not once a message.
    failing: Arc<AtomicBool>,
    /// How many microseconds the last delivery took.
    took: Arc<AtomicU64>,
}

/// What was claimed.
enum Opened {
    Message(Message),
    Decoy,
    /// A later release knows the kind, or a replica with another key can read it.
    Unreadable,
}

impl UseCases {
    /// Sends messages until `stop`: at once when this server's use cases say so, and every so often whatever there is,
    /// from other replicas and from before. Then it sends what is due once more, and ends when that is done.
    pub async fn deliver(self, delivery: Delivery, every: Duration, stop: CancellationToken) {
        let wake = Arc::clone(&self.outbox.wake);
        let worker = Worker::new(self, delivery);
        let mut sending = JoinSet::new();
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut more = More::default();
        loop {
            if more.fits(worker.places.free()) {
                more = worker.claim(&mut sending).await;
                continue;
            }
            tokio::select! {
                Some(_ended) = sending.join_next() => {}
                () = wake.notified() => more = More::ANY,
                _ = ticks.tick() => if worker.look().await { more = More::ANY },
                () = stop.cancelled() => break,
            }
        }
        worker.claim(&mut sending).await;
        while sending.join_next().await.is_some() {}
    }
}

impl Worker {
    fn new(use_cases: UseCases, delivery: Delivery) -> Self {
        let (places, failing, took) = (Arc::default(), Arc::default(), Arc::default());
        Self { use_cases, delivery, places, failing, took }
    }

    /// Whether there is anything to do. Most of the time there is not, and nobody needs to write to know.
    async fn look(&self) -> bool {
        let now = self.use_cases.clock.now();
        self.recall(now).await;
        match self.use_cases.store.outbox_state(now).await {
            Ok(state) => {
                self.use_cases.outbox.figures.state(&state, now);
                state.is_due()
            }
            Err(error) => self.store_failed(&error),
        }
    }

    /// A message that a clock which was ahead has put off, or begun to send, does not wait until this one has caught up.
    async fn recall(&self, now: Timestamp) {
        let latest = now.plus(LONGEST_REST).plus(CLOCK_SKEW);
        match self.use_cases.store.outbox_recall(now, latest).await {
            Ok(0) => {}
            Ok(messages) => tracing::warn!(messages, "messages from the future: a clock was ahead"),
            Err(error) => {
                self.store_failed(&error);
            }
        }
    }

    /// Takes as many messages as there are places and begins to send them. Returns of what there may be more.
    async fn claim(&self, sending: &mut JoinSet<()>) -> More {
        let now = self.use_cases.clock.now();
        let places = self.places.free();
        match self.use_cases.store.outbox_claim(now, now.plus(LEASE), places).await {
            Ok(claimed) => {
                let more = More::after(&claimed, places);
                for message in claimed {
                    let (worker, place) = (self.clone(), self.places.take(message.priority));
                    sending.spawn(async move {
                        worker.handle(message).await;
                        drop(place);
                    });
                }
                more
            }
            Err(error) => {
                self.store_failed(&error);
                More::default()
            }
        }
    }

    /// Settles what becomes of a row.
    async fn handle(&self, claimed: ClaimedMessage) {
        match self.open(&claimed) {
            Opened::Message(message) => self.send(&claimed, &message).await,
            // The row goes when a message's would.
            Opened::Decoy => {
                sleep(Duration::from_micros(self.took.load(Ordering::Relaxed))).await;
                self.remove(&claimed).await;
            }
            Opened::Unreadable if claimed.expires_at <= self.use_cases.clock.now() => {
                self.give_up(&claimed, UNREADABLE, OUTDATED).await;
            }
            Opened::Unreadable => {
                self.postpone(&claimed, UNREADABLE, "a message can't be read").await;
            }
        }
    }

    async fn send(&self, claimed: &ClaimedMessage, message: &Message) {
        let (now, kind) = (self.use_cases.clock.now(), message.content.kind());
        if claimed.expires_at <= now {
            return self.give_up(claimed, kind, OUTDATED).await;
        }
        let begun = Instant::now();
        let sent = self.delivery.send(claimed.id, message, now).await;
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.took.store(took, Ordering::Relaxed);
        match sent {
            Ok(()) => self.sent(claimed, kind).await,
            Err(Failure::Refused(why)) => self.give_up(claimed, kind, &why).await,
            Err(Failure::Later(why)) => self.postpone(claimed, kind, &why).await,
        }
    }

    fn open(&self, claimed: &ClaimedMessage) -> Opened {
        let place = Place::Message(claimed.id);
        match self.use_cases.master_key.open(&place, &claimed.sealed) {
            Ok(plain) if decoy::is_one(&plain) => Opened::Decoy,
            Ok(plain) => Message::decode(&plain).map_or(Opened::Unreadable, Opened::Message),
            Err(_wrong_key) => Opened::Unreadable,
        }
    }

    async fn sent(&self, claimed: &ClaimedMessage, kind: &'static str) {
        self.use_cases.outbox.figures.delivered(kind);
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("messages get through again");
        }
        self.remove(claimed).await;
    }

    async fn give_up(&self, claimed: &ClaimedMessage, kind: &'static str, why: &str) {
        self.use_cases.outbox.figures.failed(kind);
        tracing::warn!(id = %claimed.id, kind, tries = claimed.tries, why, "a message is given up");
        self.remove(claimed).await;
    }

    /// What can't be removed is sent again when the lease runs out: twice is better than never.
    async fn remove(&self, claimed: &ClaimedMessage) {
        if let Err(error) = self.use_cases.store.outbox_remove(claimed.id).await {
            self.store_failed(&error);
        }
    }

    async fn postpone(&self, claimed: &ClaimedMessage, kind: &'static str, why: &str) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(why, "messages do not get through");
        }
        tracing::debug!(id = %claimed.id, kind, tries = claimed.tries, why, "a message waits");
        let until = self.use_cases.clock.now().plus(pause(claimed.tries));
        let store = &self.use_cases.store;
        if let Err(error) = store.outbox_postpone(claimed.id, claimed.tries, until).await {
            self.store_failed(&error);
        }
    }

    /// Readiness tells that the database is away; here it is just a reason to look again later.
    fn store_failed(&self, error: &crate::store::Error) -> bool {
        tracing::debug!(%error, "the outbox can't be used");
        false
    }
}

/// How long to wait after that many tries: twice as long each time, half of it at random, so that the messages of an outage
/// do not all come back at once.
fn pause(tries: i32) -> Duration {
    let doubled = Duration::from_secs(1 << (tries - 1).clamp(0, 16));
    let longest = doubled.min(LONGEST_PAUSE);
    rand::rng().random_range(longest / 2..=longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        for (tries, longest) in [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (i32::MAX, 60)] {
            let longest = Duration::from_secs(longest);
            for _ in 0..100 {
                let pause = pause(tries);
                assert!(pause >= longest / 2 && pause <= longest, "{tries}: {pause:?}");
            }
        }
    }
}
