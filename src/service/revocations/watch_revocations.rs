//! WatchRevocations: streams revocations of unexpired tokens, as they become known.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{Revocations, known::Known, pace::RevocationPace};
use crate::{
    domain::{InvalidField, Revocation, size},
    service::{Clock, Error, sessions::Service},
    store::{NumberedRevocation, Store},
};

/// Revocations that a stream copies from the log at a time.
const BATCH: usize = 100;

/// The jitter of a stream's lifetime: streams that began together must not reconnect together (thundering herd).
const SPREAD: f64 = 0.1;

/// The longest lifetime of a stream, with jitter.
pub fn longest_stream(age: Duration) -> Duration {
    age.mul_f64(1.0 + SPREAD)
}

/// The lifetime of the next stream, with jitter.
pub(in crate::service) fn lasts(age: Duration) -> Duration {
    age.mul_f64(rand::random_range(1.0 - SPREAD..=1.0 + SPREAD))
}

/// A message of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationUpdate {
    /// All revocations up to this number have been sent.
    pub cursor: i64,
    /// The revocation with that number; `None` in a heartbeat.
    pub revocation: Option<Revocation>,
}

/// A stream. Backpressure: undelivered revocations stay in the shared log, so that a slow subscriber costs no memory.
#[derive(Debug)]
pub struct RevocationStream {
    log: watch::Receiver<Known>,
    pace: RevocationPace,
    clock: Clock,
    store: Arc<dyn Store>,
    /// The number of the last revocation that was sent.
    cursor: i64,
    next: VecDeque<NumberedRevocation>,
    /// The service that reads it, if it had to prove itself.
    subscriber: Option<Service>,
    heartbeat_at: Instant,
    /// Streams end: an open one would pin its connection, and its subscriber, to this replica.
    ends_at: Instant,
}

impl Revocations {
    /// The revocations after `cursor`, or all unexpired ones if it is empty, and then each new one.
    ///
    /// # Errors
    /// A cursor that is not ours; a log that can't read its store; a subscriber whose tokens have ended since it was
    /// authenticated.
    pub async fn watch_revocations(
        &self,
        subscriber: Option<Service>,
        cursor: &str,
    ) -> Result<RevocationStream, Error> {
        let cursor = parse_cursor(cursor)?;
        let (log, pace) = (self.log.subscribe(), self.log.pace);
        // Catch up first: otherwise a recent cursor of another replica would look like one from the future.
        if !self.log.catch_up().await {
            return Err(Error::StoreUnavailable("the revocations could not be read".into()));
        }
        let now = Instant::now();
        let stream = RevocationStream {
            log,
            pace,
            clock: self.clock.clone(),
            store: Arc::clone(&self.store),
            cursor,
            next: VecDeque::new(),
            subscriber,
            heartbeat_at: now,
            ends_at: now + lasts(self.log.stream_age),
        };
        if stream.subscriber_has_ended() { Err(Error::TokenInvalid) } else { Ok(stream) }
    }
}

impl RevocationStream {
    /// The next message; `None` when the stream is old, its subscriber is proved no more, or the server shuts down: another
    /// one continues after the last cursor.
    pub async fn next(&mut self) -> Option<RevocationUpdate> {
        loop {
            if self.log.borrow().ended_streams || Instant::now() >= self.ends_at {
                return None;
            }
            if let Some(update) = self.update() {
                self.cursor = update.cursor;
                if update.revocation.is_none() {
                    if self.credential_has_ended().await {
                        return None;
                    }
                    self.heartbeat_at = Instant::now() + self.pace.heartbeat_every;
                }
                return Some(update);
            }
            self.news().await?;
        }
    }

    /// The next revocation, or a heartbeat if one is due and the log is fresh.
    fn update(&mut self) -> Option<RevocationUpdate> {
        if self.next.is_empty() {
            // One borrow for both: a heartbeat's cursor must not be ahead of the revocations that were found.
            let log = self.log.borrow_and_update();
            // A cursor from the future shows that the database has been restored since.
            let cursor = if self.cursor > log.head() { 0 } else { self.cursor };
            self.next = log.after(cursor, self.clock.now(), BATCH);
            if self.next.is_empty() {
                let due = Instant::now() >= self.heartbeat_at
                    && log.is_fresh(self.pace, self.clock.elapsed());
                return due.then_some(RevocationUpdate { cursor: log.head(), revocation: None });
            }
        }
        let NumberedRevocation { seq, revocation } = self.next.pop_front()?;
        if self.ends_subscriber(&revocation) {
            self.ends_at = Instant::now();
        }
        Some(RevocationUpdate { cursor: seq, revocation: Some(revocation) })
    }

    /// Whether the subscriber was revoked between its authentication and the opening of the stream (race).
    fn subscriber_has_ended(&self) -> bool {
        self.subscriber.is_some()
            && self.log.borrow().has(|revocation| self.ends_subscriber(revocation))
    }

    /// Whether the token has expired, or the key was revoked or has. That is no revocation of tokens: it is looked for with
    /// each heartbeat.
    async fn credential_has_ended(&self) -> bool {
        match &self.subscriber {
            Some(service) => service.has_lapsed(self.store.as_ref(), self.clock.now()).await,
            None => false,
        }
    }

    fn ends_subscriber(&self, revocation: &Revocation) -> bool {
        self.subscriber.as_ref().is_some_and(|service| service.is_ended_by(&revocation.subject))
    }

    /// Waits for a change of the log, a heartbeat or the end. `None` means that the log is gone.
    async fn news(&mut self) -> Option<()> {
        let heartbeat_at = self.heartbeat_at;
        let heartbeat = async {
            // An overdue heartbeat waits until the log is fresh again, which is a change.
            if heartbeat_at <= Instant::now() {
                std::future::pending::<()>().await;
            }
            sleep_until(heartbeat_at).await;
        };
        tokio::select! {
            changed = self.log.changed() => changed.ok(),
            () = heartbeat => Some(()),
            () = sleep_until(self.ends_at) => Some(()),
        }
    }
}

/// Empty, or a number, which is opaque to callers.
fn parse_cursor(text: &str) -> Result<i64, InvalidField> {
    size::CURSOR.check(text)?;
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| InvalidField::new("cursor", "must be empty or one that was received"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_begin_together_do_not_end_together() {
        let age = Duration::from_secs(1800);
        let ages: Vec<_> = (0..1000).map(|_| lasts(age).as_secs()).collect();
        assert!(ages.iter().all(|age| (1620..=1980).contains(age)), "a tenth more or less");
        assert!(ages.iter().any(|age| *age < 1700) && ages.iter().any(|age| *age > 1900));
        assert_eq!(longest_stream(age).as_secs(), 1980);
    }

    #[test]
    fn a_cursor_is_empty_or_a_number_of_ours() {
        assert_eq!(parse_cursor(""), Ok(0));
        assert_eq!(parse_cursor("9223372036854775807"), Ok(i64::MAX));
        for text in ["-1", "+1", " 1", "1.0", "x", "9223372036854775808", "\u{664}"] {
            assert!(parse_cursor(text).is_err_and(|problem| problem.field == "cursor"), "{text}");
        }
    }
}
