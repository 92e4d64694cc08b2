//! Unexpired revocations, in memory: one follower reads them from the store, and any number of streams read them here,
//! so that a thousand subscribers cost the database nothing.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, MissedTickBehavior, timeout},
};

use crate::{
    domain::{Revocation, Revoked, Timestamp},
    service::Clock,
    store::{self, NumberedRevocation, Store},
};

/// Revocations read in one query.
const BATCH: u32 = 1000;

/// The deadline of one reading: a hanging database is treated as unavailable.
const READ_DEADLINE: Duration = Duration::from_secs(2);

/// The intervals of polling and heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationPace {
    /// The poll interval of the log, with or without announcements.
    pub poll_every: Duration,
    /// The heartbeat interval of a stream.
    pub heartbeat_every: Duration,
}

impl Default for RevocationPace {
    fn default() -> Self {
        Self { poll_every: Duration::from_millis(250), heartbeat_every: Duration::from_secs(5) }
    }
}

impl RevocationPace {
    /// How long a reading counts as fresh: a second, within which a new revocation is to be known.
    pub(in crate::service) fn fresh_for(self) -> Duration {
        self.poll_every * 4
    }
}

/// The log of one replica.
#[derive(Debug)]
pub(super) struct RevocationLog {
    pub(super) pace: RevocationPace,
    /// The approximate lifetime of a stream.
    pub(super) stream_age: Duration,
    known: Arc<watch::Sender<Known>>,
    /// When the last complete reading began. Apart from `known`: most readings find nothing, and must not wake the
    /// streams.
    read_at: Arc<watch::Sender<Option<Instant>>>,
    /// The number up to which all revocations are known, for streams of other things.
    heads: watch::Sender<i64>,
    /// Wakes the follower.
    pub(super) heard: Arc<Notify>,
    /// Wakes the follower of the signing keys.
    pub(super) key_withdrawn: Arc<Notify>,
}

/// The state that has been read.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// In commit order, without expired ones at the front.
    revocations: VecDeque<NumberedRevocation>,
    /// The number up to which all revocations are known.
    pub(super) head: i64,
    /// When the last complete reading began: everything committed before is known.
    read_at: Option<Instant>,
    /// The latest time at which expired revocations were dropped.
    forgotten_until: Option<Timestamp>,
    /// Whether streams must end.
    pub(super) ended: bool,
}

impl Known {
    /// Whether the last complete reading is recent.
    pub(super) fn is_fresh(&self, pace: RevocationPace) -> bool {
        self.read_at.is_some_and(|at| at.elapsed() < pace.fresh_for())
    }

    /// The first `limit` unexpired revocations after a number.
    pub(super) fn after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: usize,
    ) -> VecDeque<NumberedRevocation> {
        let begin = self.revocations.partition_point(|known| known.seq <= seq);
        let matters = |known: &&NumberedRevocation| known.revocation.expires_at > now;
        self.revocations.range(begin..).filter(matters).take(limit).copied().collect()
    }

    /// Whether there is such a revocation.
    pub(super) fn has(&self, is_such: impl Fn(&Revocation) -> bool) -> bool {
        self.revocations.iter().any(|known| is_such(&known.revocation))
    }

    /// Whether there is such a revocation after a number.
    pub(super) fn has_after(&self, seq: i64, is_such: impl Fn(&Revocation) -> bool) -> bool {
        let begin = self.revocations.partition_point(|known| known.seq <= seq);
        self.revocations.range(begin..).any(|known| is_such(&known.revocation))
    }

    /// Whether a clock that was ahead has dropped unexpired revocations: all must be read again.
    fn has_forgotten_too_much(&self, now: Timestamp) -> bool {
        self.forgotten_until.is_some_and(|until| until.is_from_the_future(now))
    }

    fn forget_expired(&mut self, now: Timestamp) {
        self.forgotten_until = Some(now);
        while self.revocations.front().is_some_and(|first| first.revocation.expires_at <= now) {
            self.revocations.pop_front();
        }
    }
}

impl RevocationLog {
    pub(super) fn new(pace: RevocationPace, stream_age: Duration) -> Self {
        Self {
            pace,
            stream_age,
            known: Arc::new(watch::Sender::new(Known::default())),
            read_at: Arc::default(),
            heads: watch::Sender::default(),
            heard: Arc::default(),
            key_withdrawn: Arc::default(),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Known> {
        self.known.subscribe()
    }

    /// The state, for those who are not counted as streams.
    pub(super) fn known(&self) -> Arc<watch::Sender<Known>> {
        Arc::clone(&self.known)
    }

    pub(super) fn heads(&self) -> watch::Receiver<i64> {
        self.heads.subscribe()
    }

    /// Waits until the follower has read everything committed by now. Returns whether it has.
    pub(super) async fn catch_up(&self) -> bool {
        let (now, mut read_at) = (Instant::now(), self.read_at.subscribe());
        self.heard.notify_one();
        let reading = read_at.wait_for(|begun| begun.is_some_and(|begun| begun >= now));
        matches!(timeout(self.pace.fresh_for(), reading).await, Ok(Ok(_)))
    }

    /// Reads new revocations. Numbers are in commit order, so none is ever added before one that was read.
    async fn read(&self, store: &dyn Store, now: Timestamp) -> store::Result<()> {
        loop {
            let begun = Instant::now();
            let (known, anew) = {
                let log = self.known.borrow();
                (log.head, log.has_forgotten_too_much(now))
            };
            let head = store.revocation_head().await?;
            // A lower number shows that the database was restored: all of it is new.
            let from = if head < known || anew { 0 } else { known };
            let found = if head == from {
                Vec::new()
            } else {
                store.revocations_after(from, now, BATCH).await?
            };
            let of_a_key =
                |found: &NumberedRevocation| matches!(found.revocation.subject, Revoked::Key(_));
            let key_withdrawn = found.iter().any(of_a_key);
            let complete = found.len() < BATCH as usize;
            let last = found.last().map_or(from, |found| found.seq);
            self.known.send_if_modified(|log| {
                let (head_before, was_fresh) = (log.head, log.is_fresh(self.pace));
                if from == 0 {
                    log.revocations.clear();
                }
                log.revocations.extend(found);
                log.forget_expired(now);
                log.head = if complete { last.max(head) } else { last };
                if complete {
                    log.read_at = Some(begun);
                }
                // Streams wake for new revocations, and when a stale log becomes fresh again.
                log.head != head_before || complete && !was_fresh
            });
            let head = self.known.borrow().head;
            self.heads.send_if_modified(|known| std::mem::replace(known, head) != head);
            if key_withdrawn {
                self.key_withdrawn.notify_one();
            }
            if complete {
                self.read_at.send_replace(Some(begun));
                return Ok(());
            }
        }
    }

    pub(super) async fn follow(&self, store: &dyn Store, clock: &Clock) -> Infallible {
        let mut ticks = tokio::time::interval(self.pace.poll_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.heard.notified() => {}
            }
            let read = timeout(READ_DEADLINE, self.read(store, clock.now())).await;
            // The readiness check warns of an unavailable store; streams show it by missing heartbeats.
            if !matches!(read, Ok(Ok(()))) {
                tracing::debug!(?read, "the revocations could not be read");
            }
        }
    }
    pub(super) fn end_streams(&self) {
        self.known.send_modify(|known| known.ended = true);
    }

    pub(super) fn streams(&self) -> usize {
        self.known.receiver_count()
    }
}
