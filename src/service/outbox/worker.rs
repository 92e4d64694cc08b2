//! Sends the messages of the outbox. Every replica has a worker; a lease makes one of them send a message.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, interval_at, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    Outbox, decoy,
    pause::pause,
    places::{self, More, Places},
    recall::{Recall, Told},
    stopping::within,
    trouble::Trouble,
};
use crate::{
    delivery::{Delivery, Failure, FailureKind, Message, Progress},
    domain::Timestamp,
    store::{ClaimedMessage, Hold, LONGEST_REST, Rest, Store},
    token::Place,
    trace,
};

/// The lease on a claimed message: renewed while it is being sent, so that after a crash the message waits no longer
/// than this, and a mail server may be slow.
const LEASE: Duration = Duration::from_secs(60);

/// The intervals of a worker.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPace {
    /// The poll interval.
    pub look_every: Duration,
    /// The interval of lease renewals; also, how soon a slow message gives up its place.
    pub renew_every: Duration,
}

/// The kind, in log and metrics, of messages that this release can't read.
const UNREADABLE: &str = "unreadable";

/// Why a message is given up that has expired.
const OUTDATED: &str = "the message has expired";

/// A longer pause than this is recalled.
const _: () = assert!(LEASE.as_secs() <= LONGEST_REST.as_secs());

/// The longest that a decoy is held: longer than a healthy delivery takes.
const LONGEST_DECOY: Duration = Duration::from_secs(10);

/// One server's worker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeliveryWorker {
    store: Arc<dyn Store>,
    outbox: Outbox,
    delivery: Delivery,
    pace: DeliveryPace,
    places: Arc<Places>,
    trouble: Arc<Trouble>,
    recall: Arc<Recall>,
    /// The duration of the last delivery in microseconds.
    took: Arc<AtomicU64>,
}

/// A claimed row, decrypted.
enum Opened {
    Message(Message),
    Decoy,
    /// A later release knows the kind, or a replica with another key can read it.
    Unreadable,
}

impl DeliveryWorker {
    /// The worker of a server: sends the messages of `outbox` from `store`.
    pub fn new(
        store: Arc<dyn Store>,
        outbox: Outbox,
        delivery: Delivery,
        pace: DeliveryPace,
    ) -> Self {
        let (places, trouble, recall) = (Arc::default(), Arc::default(), Arc::default());
        let took = Arc::default();
        Self { store, outbox, delivery, pace, places, trouble, recall, took }
    }

    /// Sends messages until `stop`: at once when this server's use cases wake it, and by polling for those of other
    /// replicas and from before. Graceful shutdown: it then sends what is due once more, and ends when that is done.
    pub async fn run(self, stop: CancellationToken) {
        let wake = Arc::clone(&self.outbox.wake);
        let mut sending = JoinSet::new();
        let mut ticks = interval(self.pace.look_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut more = More::default();
        loop {
            if more.fits(self.places.free()) {
                match within(&stop, self.claim(&mut sending)).await {
                    Some(left) => more = left,
                    None => break,
                }
                continue;
            }
            tokio::select! {
                Some(_ended) = sending.join_next() => {}
                () = wake.notified() => more = More::ANY,
                _ = ticks.tick() => match within(&stop, self.look()).await {
                    Some(true) => more = More::ANY,
                    Some(false) => {}
                    None => break,
                },
                () = stop.cancelled() => break,
            }
        }
        let _cut_off = within(&stop, self.claim(&mut sending)).await;
        while sending.join_next().await.is_some() {}
        self.delivery.close().await;
    }

    /// Whether a message is due. A read: usually none is, and a claim would write.
    async fn look(&self) -> bool {
        let now = self.outbox.clock.now();
        self.recall(now).await;
        match self.store.outbox_state(now).await {
            Ok(state) => {
                self.outbox.figures.state(&state, now);
                state.is_due()
            }
            Err(error) => self.store_failed(&error),
        }
    }

    /// Recalls messages that a clock which was ahead has postponed or claimed: they do not wait until this clock
    /// catches up.
    async fn recall(&self, now: Timestamp) {
        let elapsed = self.outbox.clock.elapsed();
        let ahead = self.recall.believed(elapsed);
        match self.store.outbox_recall(Rest::of(now, LEASE), ahead).await {
            Ok(0) => {}
            Ok(messages) => match self.recall.note(elapsed) {
                Told::Recalled => {
                    tracing::warn!(
                        messages,
                        "outbox rows have timestamps in the future: a replica's clock is or was ahead"
                    );
                }
                Told::Doubted => tracing::warn!(
                    "outbox rows keep coming with timestamps in the future: this replica's clock is behind the others', or one \
                     is ahead of this one; for an hour their pauses are believed"
                ),
                Told::Nothing => {}
            },
            Err(error) => {
                self.store_failed(&error);
            }
        }
    }

    /// Claims as many messages as there are places, and begins to send them. Returns the kinds that may be left.
    async fn claim(&self, sending: &mut JoinSet<()>) -> More {
        let now = self.outbox.clock.now();
        let places = self.places.free();
        match self.store.outbox_claim(now, now.plus(LEASE), places).await {
            Ok(claimed) => {
                let more = More::after(&claimed, places);
                for message in claimed {
                    let (worker, place) = (self.clone(), self.places.take(message.priority));
                    sending.spawn(async move { worker.handle(message, place).await });
                }
                more
            }
            Err(error) => {
                self.store_failed(&error);
                More::default()
            }
        }
    }

    /// Handles a claimed row.
    async fn handle(&self, claimed: ClaimedMessage, place: places::Place) {
        match self.open(&claimed) {
            Opened::Message(message) => self.deliver(&claimed, &message, place).await,
            // The row lasts as long as a message's would (timing attack).
            Opened::Decoy => {
                let took = Duration::from_micros(self.took.load(Ordering::Relaxed));
                sleep(took.min(LONGEST_DECOY)).await;
                self.remove(&claimed).await;
            }
            Opened::Unreadable if claimed.expires_at <= self.outbox.clock.now() => {
                self.give_up(&claimed, UNREADABLE, OUTDATED).await;
            }
            Opened::Unreadable => {
                let why = "a message can't be read".to_owned();
                let failure = Failure { kind: FailureKind::Away, why, retry_after: None };
                self.failed(&claimed, UNREADABLE, None, &failure).await;
            }
        }
    }

    async fn deliver(&self, claimed: &ClaimedMessage, message: &Message, place: places::Place) {
        let kind = message.content.kind();
        if claimed.expires_at <= self.outbox.clock.now() {
            return self.give_up(claimed, kind, OUTDATED).await;
        }
        let traced = trace::Delivery::begin(message.cause.trace.clone(), "deliver".into());
        let begun = Instant::now();
        let sending = self.send(claimed, message, place);
        let sent = sending.instrument(traced.span.clone()).await;
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.took.store(took, Ordering::Relaxed);
        traced.end(|| {
            let failure = sent.as_ref().and_then(|sent| sent.as_ref().err());
            let error = failure.map(|failure| ("error.type", failure.kind.name().into()));
            let kind = ("countersign.message.kind", kind.into());
            ([kind].into_iter().chain(error).collect(), failure.is_some())
        });
        match sent {
            Some(Ok(())) => self.sent(claimed, kind).await,
            Some(Err(failure)) => {
                self.failed(claimed, kind, Some(&message.destination), &failure).await;
            }
            None => tracing::debug!(id = %claimed.id, kind, "a message is withdrawn"),
        }
    }

    /// Sends a message while its lease is renewed. `None` if it was withdrawn, and is not sent any more.
    async fn send(
        &self,
        claimed: &ClaimedMessage,
        message: &Message,
        place: places::Place,
    ) -> Option<Result<(), Failure>> {
        let (now, progress) = (self.outbox.clock.now(), Progress::default());
        tokio::select! {
            sent = self.delivery.send(claimed.id, message, now, &progress) => Some(sent),
            () = self.hold(claimed, &progress, place) => None,
        }
    }

    /// Renews the lease while it is polled. Ends when the message was withdrawn or another worker has the lease, unless
    /// the other side may have accepted the message.
    async fn hold(&self, claimed: &ClaimedMessage, progress: &Progress, mut place: places::Place) {
        let every = self.pace.renew_every;
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.places.make_way(&mut place) {
                self.outbox.wake();
            }
            let lease = Rest::of(self.outbox.clock.now(), LEASE);
            let store = &self.store;
            let held = store.outbox_renew(claimed.id, claimed.tries, lease).await;
            match held {
                Ok(Hold::Held) => {}
                Ok(Hold::Withdrawn) if !progress.is_handed_over() => {
                    return self.remove(claimed).await;
                }
                Ok(Hold::Lost) if !progress.is_handed_over() => return,
                Ok(Hold::Withdrawn | Hold::Lost) => {}
                // Another worker may claim the message and send a duplicate: at least once.
                Err(error) => {
                    self.store_failed(&error);
                }
            }
        }
    }

    fn open(&self, claimed: &ClaimedMessage) -> Opened {
        let place = Place::Message(claimed.id);
        match self.outbox.master_key.open(&place, &claimed.sealed) {
            Ok(plain) if decoy::is_one(&plain) => Opened::Decoy,
            Ok(plain) => Message::decode(&plain).map_or(Opened::Unreadable, Opened::Message),
            Err(_wrong_key) => Opened::Unreadable,
        }
    }

    async fn sent(&self, claimed: &ClaimedMessage, kind: &'static str) {
        self.outbox.figures.delivered(kind);
        self.trouble.succeeded(&self.outbox.figures);
        self.remove(claimed).await;
    }

    async fn failed(
        &self,
        claimed: &ClaimedMessage,
        kind: &'static str,
        recipient: Option<&str>,
        failure: &Failure,
    ) {
        let figures = &self.outbox.figures;
        figures.try_failed(failure.kind);
        self.trouble.failed(failure, recipient, self.outbox.clock.elapsed(), figures);
        match pause(claimed, failure) {
            Some(pause) => self.postpone(claimed, kind, failure, pause).await,
            None => self.give_up(claimed, kind, &failure.why).await,
        }
    }

    async fn give_up(&self, claimed: &ClaimedMessage, kind: &'static str, why: &str) {
        self.outbox.figures.failed(kind);
        tracing::warn!(id = %claimed.id, kind, tries = claimed.tries, why, "a message is given up");
        self.remove(claimed).await;
    }

    /// Removes the row. If that fails the message is sent again when the lease runs out: at least once.
    async fn remove(&self, claimed: &ClaimedMessage) {
        if let Err(error) = self.store.outbox_remove(claimed.id).await {
            self.store_failed(&error);
        }
    }

    async fn postpone(
        &self,
        claimed: &ClaimedMessage,
        kind: &'static str,
        failure: &Failure,
        pause: Duration,
    ) {
        let (why, tries) = (failure.why.as_str(), claimed.tries);
        tracing::debug!(id = %claimed.id, kind, tries, why, "a message waits");
        let rest = Rest::of(self.outbox.clock.now(), pause);
        let store = &self.store;
        let postponed = match failure.kind {
            FailureKind::Unknown => store.outbox_postpone_unsure(claimed.id, tries, rest).await,
            FailureKind::Refused | FailureKind::Waits | FailureKind::Away | FailureKind::Setup => {
                store.outbox_postpone(claimed.id, tries, rest).await
            }
        };
        if let Err(error) = postponed {
            self.store_failed(&error);
        }
    }

    /// Readiness reports an unavailable database; the worker just polls again later.
    fn store_failed(&self, error: &crate::store::Error) -> bool {
        tracing::debug!(%error, "the outbox can't be used");
        false
    }
}
