//! Unexpired revocations, in memory: one follower reads them from the store, and any number of streams read them here,
//! so that a thousand subscribers cost the database nothing.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, MissedTickBehavior, timeout},
};

use super::{
    known::{Known, Reading, Verdict},
    pace::RevocationPace,
};
use crate::{
    domain::{Revoked, TokenIds},
    service::Clock,
    store::{self, NumberedRevocation, Store},
};

/// Revocations read in one query.
const BATCH: u32 = 1000;

/// The deadline of one reading: a hanging database is treated as unavailable.
const READ_DEADLINE: Duration = Duration::from_secs(2);

/// The log of one replica.
#[derive(Debug)]
pub(super) struct RevocationLog {
    pub(super) pace: RevocationPace,
    /// The approximate lifetime of a stream.
    pub(super) stream_age: Duration,
    known: Arc<watch::Sender<Known>>,
    made_at: Instant,
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

impl RevocationLog {
    pub(super) fn new(pace: RevocationPace, stream_age: Duration) -> Self {
        Self {
            pace,
            stream_age,
            known: Arc::new(watch::Sender::new(Known::default())),
            made_at: Instant::now(),
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

    /// What the log says of a token.
    pub(super) fn verdict(&self, ids: &TokenIds, max_age: Duration, clock: &Clock) -> Verdict {
        self.known.borrow().verdict(ids, max_age, clock.now(), clock.elapsed())
    }

    /// Reads new revocations. Numbers are in commit order, so none is ever added before one that was read.
    pub(super) async fn read(&self, store: &dyn Store, clock: &Clock) -> store::Result<()> {
        while !self.read_batch(store, clock).await? {}
        Ok(())
    }

    /// Returns whether there is no more.
    async fn read_batch(&self, store: &dyn Store, clock: &Clock) -> store::Result<bool> {
        let (begun_at, begun, now) = (Instant::now(), clock.elapsed(), clock.now());
        let (known, anew) = {
            let log = self.known.borrow();
            (log.read_up_to(), log.may_have_forgotten_too_much(now))
        };
        let head = store.revocation_head().await?;
        // A lower number shows that the database was restored: all of it is new.
        let is_other = head < known;
        let from = if is_other || anew { 0 } else { known };
        let found = if head == from {
            Vec::new()
        } else {
            store.revocations_after(from, now, BATCH).await?
        };
        let of_a_key =
            |found: &NumberedRevocation| matches!(found.revocation.subject, Revoked::Key(_));
        let key_withdrawn = found.iter().any(of_a_key);
        let is_complete = found.len() < BATCH as usize;
        let last = found.last().map_or(from, |found| found.seq);
        let head = if is_complete { last.max(head) } else { last };
        self.known.send_if_modified(|log| {
            let (head_before, was_fresh) = (log.head(), log.is_fresh(self.pace, begun));
            log.take(Reading { from, head, found, is_complete, is_other, begun, now });
            // Streams wake for new revocations, and when a stale log becomes fresh again.
            log.head() != head_before || is_complete && !was_fresh
        });
        if key_withdrawn {
            self.key_withdrawn.notify_one();
        }
        if is_complete {
            // Only now: who looks there first, and finds nothing, finds it here.
            store.appended_here().read_up_to(head);
            self.heads.send_if_modified(|known| std::mem::replace(known, head) != head);
            self.read_at.send_replace(Some(begun_at));
        }
        Ok(is_complete)
    }

    pub(super) async fn follow(&self, store: &dyn Store, clock: &Clock) -> Infallible {
        let mut ticks = tokio::time::interval(self.pace.poll_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.heard.notified() => {}
            }
            let read = timeout(READ_DEADLINE, self.read(store, clock)).await;
            // The readiness check warns of an unavailable store; streams show it by missing heartbeats.
            if !matches!(read, Ok(Ok(()))) {
                tracing::debug!(?read, "the revocations could not be read");
            }
        }
    }

    pub(super) fn was_read_within(&self, max_age: Duration, clock: &Clock) -> bool {
        self.known.borrow().was_read_lately(max_age, clock.now(), clock.elapsed())
    }

    pub(super) fn end_streams(&self) {
        self.known.send_modify(|known| known.ended_streams = true);
    }

    /// How long ago the last complete reading began: all that was committed before is known. At first, how long there has
    /// been none.
    pub(super) fn lag(&self) -> Duration {
        self.read_at.borrow().unwrap_or(self.made_at).elapsed()
    }

    /// The number up to which all is known, and when the last complete reading began.
    pub(super) fn position(&self) -> (i64, Option<Instant>) {
        (*self.heads.borrow(), *self.read_at.borrow())
    }

    pub(super) fn streams(&self) -> usize {
        self.known.receiver_count()
    }
}
