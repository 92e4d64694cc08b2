//! The numbers of events: one follower gives them and reads the newest events, for all streams of the replica.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, MissedTickBehavior, timeout},
};

use super::figures::Figures;
use crate::{
    service::{Clock, revocations::RevocationPace},
    store::{self, EventsState, NumberedEvent, Store},
};

/// Events that are numbered in one transaction.
const BATCH: u32 = 500;

/// Events that are kept in memory for the streams. One that is slower than this many reads from the store.
const RECENT: u32 = 1000;

/// The deadline of one round: a hanging database is treated as unavailable.
const DEADLINE: Duration = Duration::from_secs(2);

/// The log of one replica.
#[derive(Debug)]
pub(super) struct EventLog {
    pub(super) pace: RevocationPace,
    /// The approximate lifetime of a stream.
    pub(super) stream_age: Duration,
    known: watch::Sender<Known>,
    /// When the last complete round began. Apart from `known`: most rounds find nothing, and must not wake the streams.
    read_at: watch::Sender<Option<Instant>>,
    /// Wakes the follower.
    heard: Arc<Notify>,
}

/// What is known of the log.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The last number.
    pub(super) head: i64,
    /// The events after `recent_from`, up to `head`.
    recent: VecDeque<NumberedEvent>,
    recent_from: i64,
    /// When the last complete round began: everything committed before has a number up to `head`.
    read_at: Option<Instant>,
    /// Whether streams must end.
    pub(super) ended: bool,
}

impl Known {
    /// Whether the last complete round is recent.
    pub(super) fn is_fresh(&self, pace: RevocationPace) -> bool {
        self.read_at.is_some_and(|at| at.elapsed() < pace.fresh_for())
    }

    /// The first `most` events after a number; `None` if they are not all in memory.
    pub(super) fn after(&self, seq: i64, most: usize) -> Option<VecDeque<NumberedEvent>> {
        let begin = self.recent.partition_point(|known| known.seq <= seq);
        let events = || self.recent.range(begin..).take(most).cloned().collect();
        (seq >= self.recent_from).then(events)
    }

    fn forget(&mut self, head: i64) {
        self.recent.clear();
        (self.head, self.recent_from) = (head, head);
    }

    fn append(&mut self, head: i64, found: Vec<NumberedEvent>) {
        self.head = found.last().map_or(head, |last| last.seq.max(head));
        self.recent.extend(found);
        while self.recent.len() > RECENT as usize {
            self.recent_from = self.recent.pop_front().map_or(self.recent_from, |first| first.seq);
        }
    }
}

impl EventLog {
    pub(super) fn new(pace: RevocationPace, stream_age: Duration) -> Self {
        let (known, read_at) = (watch::Sender::default(), watch::Sender::default());
        Self { pace, stream_age, known, read_at, heard: Arc::default() }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Known> {
        self.known.subscribe()
    }

    /// Waits until everything committed by now has a number. Returns whether it has.
    pub(super) async fn catch_up(&self) -> bool {
        let (now, mut read_at) = (Instant::now(), self.read_at.subscribe());
        self.heard.notify_one();
        let round = read_at.wait_for(|begun| begun.is_some_and(|begun| begun >= now));
        matches!(timeout(self.pace.fresh_for(), round).await, Ok(Ok(_)))
    }

    pub(super) async fn follow(
        &self,
        store: &dyn Store,
        clock: &Clock,
        figures: &Figures,
    ) -> Infallible {
        let mut ticks = tokio::time::interval(self.pace.events_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.heard.notified() => {}
            }
            let round = timeout(DEADLINE, self.round(store, clock, figures)).await;
            // The readiness check warns of an unavailable store; streams show it by missing heartbeats.
            if !matches!(round, Ok(Ok(()))) {
                tracing::debug!(?round, "the events could not be numbered");
            }
        }
    }

    /// Numbers what was committed, and reads it for the streams.
    async fn round(
        &self,
        store: &dyn Store,
        clock: &Clock,
        figures: &Figures,
    ) -> store::Result<()> {
        let begun = Instant::now();
        let EventsState { mut head, unnumbered_since } = store.events_state().await?;
        figures.lag(unnumbered_since.map_or(Duration::ZERO, |since| clock.now().since(since)));
        // As a rule there are none, and a round only reads.
        let mut numbered = unnumbered_since.map_or(0, |_| BATCH as usize);
        while numbered == BATCH as usize {
            let round = store.events_number(BATCH).await?;
            (numbered, head) = (round.count, round.head);
            self.read_up_to(store, head).await?;
        }
        self.read_up_to(store, head).await?;
        self.known.send_if_modified(|log| {
            let was_fresh = log.is_fresh(self.pace);
            log.read_at = Some(begun);
            // Streams wake when a stale log becomes fresh again.
            !was_fresh
        });
        self.read_at.send_replace(Some(begun));
        Ok(())
    }

    /// Reads the events up to a number, if there are streams that wait for them.
    async fn read_up_to(&self, store: &dyn Store, head: i64) -> store::Result<()> {
        let known = self.known.borrow().head;
        if head == known {
            return Ok(());
        }
        // A lower number shows that the database was restored; many are the streams' own to read.
        let few = head > known && head - known <= i64::from(RECENT);
        if few && self.known.receiver_count() > 0 {
            let found = store.events_after(known, RECENT).await?;
            self.known.send_modify(|log| log.append(head, found));
        } else {
            self.known.send_modify(|log| log.forget(head));
        }
        Ok(())
    }

    pub(super) fn end_streams(&self) {
        self.known.send_modify(|known| known.ended = true);
    }
}
