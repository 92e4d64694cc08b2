//! WatchRevocations: streams revocations of unexpired tokens, as they become known.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    Revocations,
    log::{Known, RevocationPace},
};
use crate::{
    domain::{InvalidField, Revocation, size},
    service::{Clock, Error},
    store::NumberedRevocation,
};

/// How many a stream holds between two looks at the log.
const BATCH: usize = 100;

/// By how much streams last more or less than they should: those that began together must not come back together.
const SPREAD: f64 = 0.1;

/// The longest that a stream lasts where streams should last that long.
pub fn longest_stream(age: Duration) -> Duration {
    age.mul_f64(1.0 + SPREAD)
}

/// How long the next stream lasts.
fn lasts(age: Duration) -> Duration {
    age.mul_f64(rand::random_range(1.0 - SPREAD..=1.0 + SPREAD))
}

/// One message of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationUpdate {
    /// All revocations up to this number have been told.
    pub cursor: i64,
    /// The one with that number; none in a heartbeat.
    pub revocation: Option<Revocation>,
}

/// A stream: what its subscriber does not take yet stays in the log, which has it anyway.
#[derive(Debug)]
pub struct RevocationStream {
    log: watch::Receiver<Known>,
    pace: RevocationPace,
    clock: Clock,
    /// The number of the last revocation that was told.
    cursor: i64,
    next: VecDeque<NumberedRevocation>,
    heartbeat_at: Instant,
    /// An open stream would keep its connection for ever, and its subscriber on this replica.
    ends_at: Instant,
}

impl Revocations {
    /// The revocations after `cursor`, or all that matter where it is empty, and then each new one.
    ///
    /// # Errors
    /// A cursor that is none of ours; a log that has lost its store.
    pub async fn watch_revocations(&self, cursor: &str) -> Result<RevocationStream, Error> {
        let cursor = parse_cursor(cursor)?;
        let (log, pace) = (self.log.subscribe(), self.log.pace);
        // Now, or a cursor that another replica has given a moment ago would be one from the future.
        if !self.log.catch_up().await {
            return Err(Error::StoreUnavailable("the revocations could not be read".into()));
        }
        let (clock, now, next) = (self.clock.clone(), Instant::now(), VecDeque::new());
        let ends_at = now + lasts(self.log.stream_age);
        Ok(RevocationStream { log, pace, clock, cursor, next, heartbeat_at: now, ends_at })
    }
}

impl RevocationStream {
    /// The next message; nothing when the stream is old or the server shuts down: another one goes on after the last cursor.
    pub async fn next(&mut self) -> Option<RevocationUpdate> {
        loop {
            if self.log.borrow().ended || Instant::now() >= self.ends_at {
                return None;
            }
            if let Some(update) = self.update() {
                self.cursor = update.cursor;
                if update.revocation.is_none() {
                    self.heartbeat_at = Instant::now() + self.pace.heartbeat_every;
                }
                return Some(update);
            }
            self.news().await?;
        }
    }

    /// The next revocation, or a heartbeat if one is due and true.
    fn update(&mut self) -> Option<RevocationUpdate> {
        if self.next.is_empty() {
            // One look: a heartbeat's cursor must not be ahead of what was found.
            let log = self.log.borrow_and_update();
            // A cursor from the future is one of a database that has since been restored.
            let cursor = if self.cursor > log.head { 0 } else { self.cursor };
            self.next = log.after(cursor, self.clock.now(), BATCH);
            if self.next.is_empty() {
                let due = Instant::now() >= self.heartbeat_at && log.is_fresh(self.pace);
                return due.then_some(RevocationUpdate { cursor: log.head, revocation: None });
            }
        }
        let NumberedRevocation { seq, revocation } = self.next.pop_front()?;
        Some(RevocationUpdate { cursor: seq, revocation: Some(revocation) })
    }

    /// Waits until there may be something to tell. Nothing means that there is no log any more.
    async fn news(&mut self) -> Option<()> {
        let heartbeat_at = self.heartbeat_at;
        let heartbeat = async {
            // One that is overdue waits for the log to see again, which is news.
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

/// Empty, or the number that is a cursor to us and opaque to others.
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
