//! WatchEvents: streams events in the order of their commits.

use std::{collections::VecDeque, sync::Arc};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{AuditLog, cursor, figures::Counted, log::Known, watcher::Watcher};
use crate::{
    domain::{Event, EventKinds},
    service::{
        Clock, Error,
        fields::Fields,
        revocations::{Endings, RevocationPace, lasts},
    },
    store::{self, NumberedEvent, Store},
};

/// Events that a stream holds at a time.
const BATCH: u32 = 100;

/// A message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventUpdate {
    /// All events up to this number have been sent, or were not wanted.
    pub cursor: i64,
    /// The event with that number; `None` in a heartbeat.
    pub event: Option<Event>,
}

/// A stream. Backpressure: undelivered events stay in the shared log and in the store, so that a slow reader costs no memory.
#[derive(Debug)]
pub struct EventStream {
    log: watch::Receiver<Known>,
    endings: Endings,
    watcher: Watcher,
    pace: RevocationPace,
    clock: Clock,
    store: Arc<dyn Store>,
    kinds: EventKinds,
    /// The number of the last event that was sent, or not wanted.
    cursor: i64,
    next: VecDeque<NumberedEvent>,
    heartbeat_at: Instant,
    /// When the watcher is looked at again.
    check_at: Instant,
    /// Streams end: an open one would pin its connection to this replica.
    ends_at: Instant,
    _counted: Counted,
}

/// What a look at the log has found.
enum Found {
    Events,
    /// There is nothing up to this number; whether that is sure.
    Nothing {
        head: i64,
        is_fresh: bool,
    },
    /// The store is away.
    Unknown,
}

impl AuditLog {
    /// The events after `cursor`, or from now on if it is empty, of these kinds.
    ///
    /// # Errors
    /// A cursor or a kind that is not ours; a log that can't read its store; a watcher who has ended since it was authenticated.
    pub async fn watch_events(
        &self,
        watcher: Watcher,
        cursor: &str,
        kinds: &[String],
    ) -> Result<EventStream, Error> {
        let mut fields = Fields::default();
        let (cursor, kinds) =
            (fields.check(cursor::parse(cursor)), fields.check(EventKinds::parse(kinds)));
        let (cursor, kinds) = fields.all(cursor.zip(kinds))?;
        let log = self.log.subscribe();
        let endings = self.revocations.endings().await;
        let (Some(mut endings), true) = (endings, self.log.catch_up().await) else {
            return Err(Error::StoreUnavailable("the events could not be read".into()));
        };
        // What ended a user before is seen in the store, below; what ends one from here on, in the log (race). Old revocations of a user say
        // nothing of a later session.
        if matches!(watcher, Watcher::User(_)) {
            endings.pass_over();
        }
        // Everything committed before the call is numbered by now: "from now on" skips nothing that comes later.
        let (now, head) = (Instant::now(), log.borrow().head);
        let mut stream = EventStream {
            log,
            endings,
            watcher,
            pace: self.log.pace,
            clock: self.clock.clone(),
            store: Arc::clone(&self.store),
            kinds,
            cursor: cursor.unwrap_or(head),
            next: VecDeque::new(),
            heartbeat_at: now,
            check_at: now,
            ends_at: now + lasts(self.log.stream_age),
            _counted: self.figures.open(),
        };
        if stream.watcher_has_ended().await { Err(Error::TokenInvalid) } else { Ok(stream) }
    }
}

impl EventStream {
    /// The next message; `None` when the stream is old, its watcher is no longer let in, or the server shuts down: another one goes on after
    /// the last cursor.
    pub async fn next(&mut self) -> Option<EventUpdate> {
        loop {
            if self.log.borrow().ended || Instant::now() >= self.ends_at {
                return None;
            }
            if self.watcher_has_ended().await {
                return None;
            }
            if let Some(NumberedEvent { seq, event }) = self.next.pop_front() {
                self.cursor = seq;
                if self.kinds.want(event.kind) {
                    return Some(EventUpdate { cursor: seq, event: Some(event) });
                }
                continue;
            }
            match self.find().await {
                Found::Events => {}
                Found::Nothing { head, is_fresh } => {
                    self.cursor = head;
                    if is_fresh && Instant::now() >= self.heartbeat_at {
                        self.heartbeat_at = Instant::now() + self.pace.heartbeat_every;
                        return Some(EventUpdate { cursor: head, event: None });
                    }
                    self.news(true).await?;
                }
                Found::Unknown => self.news(false).await?,
            }
        }
    }

    /// Takes the next events from memory, or from the store if this reader is behind that.
    async fn find(&mut self) -> Found {
        let (head, is_fresh, known) = {
            let log = self.log.borrow_and_update();
            // A cursor from the future shows that the database has been restored since.
            if self.cursor > log.head {
                self.cursor = 0;
            }
            let known = log.after(self.cursor, BATCH as usize);
            (log.head, log.is_fresh(self.pace), known)
        };
        let found = match known {
            Some(events) => Ok(events),
            None => self.read(head).await,
        };
        match found {
            Ok(events) if events.is_empty() => Found::Nothing { head, is_fresh },
            Ok(events) => {
                self.next = events;
                Found::Events
            }
            Err(error) => {
                tracing::debug!(%error, "the events could not be read");
                Found::Unknown
            }
        }
    }

    /// Up to what the follower knows, and no further: another replica may have numbered more.
    async fn read(&self, head: i64) -> store::Result<VecDeque<NumberedEvent>> {
        let found = self.store.events_after(self.cursor, BATCH).await?;
        Ok(found.into_iter().take_while(|found| found.seq <= head).collect())
    }

    /// Whether the watcher was revoked, or, looked at with every heartbeat, has lapsed.
    async fn watcher_has_ended(&mut self) -> bool {
        let watcher = &self.watcher;
        if self.endings.has_new(|revocation| watcher.is_ended_by(revocation)) {
            return true;
        }
        if Instant::now() < self.check_at {
            return false;
        }
        self.check_at = Instant::now() + self.pace.heartbeat_every;
        self.watcher.has_lapsed(self.store.as_ref(), self.clock.now()).await
    }

    /// Waits for a change of the log, a revocation, a heartbeat or the end. `None` means that the log is gone.
    async fn news(&mut self, heartbeats: bool) -> Option<()> {
        let heartbeat_at = self.heartbeat_at;
        let heartbeat = async {
            // An overdue heartbeat waits until the log is fresh again, which is a change.
            if !heartbeats || heartbeat_at <= Instant::now() {
                std::future::pending::<()>().await;
            }
            sleep_until(heartbeat_at).await;
        };
        let retry_at = Instant::now() + self.pace.events_every;
        tokio::select! {
            changed = self.log.changed() => changed.ok(),
            () = self.endings.changed() => Some(()),
            () = heartbeat => Some(()),
            () = sleep_until(retry_at), if !heartbeats => Some(()),
            () = sleep_until(self.check_at) => Some(()),
            () = sleep_until(self.ends_at) => Some(()),
        }
    }
}
