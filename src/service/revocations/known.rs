//! What one replica has read of the log.

use std::{collections::VecDeque, time::Duration};

use super::{pace::RevocationPace, unexpired::Unexpired};
use crate::{
    domain::{Revocation, Timestamp, TokenIds},
    store::NumberedRevocation,
};

/// How long the log answers for the database after a reading has begun: what another replica ends is told within this time
/// of its commit (ADR 39).
pub(in crate::service) const CURRENT: Duration = Duration::from_millis(300);

/// The state that has been read.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What is known.
    log: Unexpired,
    /// What has been read of the log since it is being read anew. The one before stays until that is done: what it has ended is never
    /// forgotten.
    anew: Option<Unexpired>,
    /// When the last complete reading began, by the stopwatch: everything committed before is known.
    read_at: Option<Duration>,
    /// What the log has told since; `None` until it has been read once.
    history: Option<History>,
    histories: u32,
    /// Whether streams must end.
    pub(super) ended_streams: bool,
}

/// A log that was followed without a break: another one begins where the database is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) struct History {
    /// Its number in this replica, from 1.
    pub(in crate::service) number: u32,
    /// When it began. What had ended before may be in a log that nobody has any more.
    pub(in crate::service) since: Timestamp,
}

/// What the log says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) enum Verdict {
    /// It is void.
    Ended,
    /// This replica has ended it, or is about to, and has not read that. It may be rolled back: only the database can tell.
    Ending,
    /// Nothing has ended it in this history.
    Lives(History),
    /// Only the database can tell.
    Unsure,
    /// The log was not read for longer than was asked for.
    Behind,
}

/// A reading of the log, or one batch of it.
pub(super) struct Reading {
    /// The number after which it was read; 0 if all was.
    pub(super) from: i64,
    /// The number up to which all is known now.
    pub(super) head: i64,
    pub(super) found: Vec<NumberedRevocation>,
    /// Whether there is no more.
    pub(super) is_complete: bool,
    /// Whether the database was restored.
    pub(super) is_other: bool,
    /// When it began, by the stopwatch.
    pub(super) begun: Duration,
    /// When it began, by the clock.
    pub(super) now: Timestamp,
}

impl Known {
    /// Whether the last complete reading is recent enough for streams.
    pub(super) fn is_fresh(&self, pace: RevocationPace, elapsed: Duration) -> bool {
        self.was_read_within(pace.fresh_for(), elapsed)
    }

    fn was_read_within(&self, time: Duration, elapsed: Duration) -> bool {
        self.read_at.is_some_and(|at| elapsed.saturating_sub(at) < time)
    }

    /// What is known of a token. What has ended it counts however long ago that was read; that nothing has, if the log was read within
    /// `max_age`.
    pub(super) fn verdict(
        &self,
        ids: &TokenIds,
        max_age: Duration,
        now: Timestamp,
        elapsed: Duration,
    ) -> Verdict {
        if self.log.voids(ids) {
            return Verdict::Ended;
        }
        let history = self.history.filter(|_| self.was_read_lately(max_age, now, elapsed));
        history.map_or(Verdict::Behind, Verdict::Lives)
    }

    /// By both clocks: the stopwatch may stand still while the machine sleeps, and the other one may be set back to when
    /// revocations lived that have been dropped.
    pub(super) fn was_read_lately(
        &self,
        max_age: Duration,
        now: Timestamp,
        elapsed: Duration,
    ) -> bool {
        let is_recent = |read: Timestamp| read <= now && now.since(read) < max_age;
        self.was_read_within(max_age, elapsed) && self.log.forgotten_until.is_some_and(is_recent)
    }

    /// The number up to which all revocations are known.
    pub(super) fn head(&self) -> i64 {
        self.log.head
    }

    /// The first `limit` unexpired revocations after a number.
    pub(super) fn after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: usize,
    ) -> VecDeque<NumberedRevocation> {
        self.log.after(seq, now, limit)
    }

    /// Whether there is such a revocation.
    pub(super) fn has(&self, is_such: impl Fn(&Revocation) -> bool) -> bool {
        self.log.has_after(0, is_such)
    }

    /// Whether there is such a revocation after a number.
    pub(super) fn has_after(&self, seq: i64, is_such: impl Fn(&Revocation) -> bool) -> bool {
        self.log.has_after(seq, is_such)
    }

    /// The number up to which the log, or what is being read of it anew, has been read.
    pub(super) fn read_up_to(&self) -> i64 {
        self.being_read().head
    }

    /// Whether the clock has gone back since, by however little: what was dropped may live, and all must be read anew. Until then nothing is
    /// known to live.
    pub(super) fn may_have_forgotten_too_much(&self, now: Timestamp) -> bool {
        self.being_read().forgotten_until.is_some_and(|until| until > now)
    }

    fn being_read(&self) -> &Unexpired {
        self.anew.as_ref().unwrap_or(&self.log)
    }

    /// Takes what was read.
    pub(super) fn take(&mut self, reading: Reading) {
        if reading.from == 0 {
            // What is read anew in several batches is not known before the last.
            self.anew = Some(Unexpired::default());
            self.read_at = None;
        }
        if reading.is_other {
            self.history = None;
        }
        let log = self.anew.as_mut().unwrap_or(&mut self.log);
        log.add(reading.found, reading.head, reading.now);
        if reading.is_complete {
            if let Some(anew) = self.anew.take() {
                self.log = anew;
            }
            self.read_at = Some(reading.begun);
            self.begin_history(reading.now);
        }
    }

    fn begin_history(&mut self, since: Timestamp) {
        if self.history.is_none() {
            self.histories += 1;
            self.history = Some(History { number: self.histories, since });
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::Revoked;

    const SECOND: Duration = Duration::from_secs(1);
    const MICROSECOND: Duration = Duration::from_micros(1);

    fn now() -> Timestamp {
        Timestamp::from_unix_micros(1_800_000_000_000_000)
    }

    /// A complete reading of nothing new.
    fn at(now: Timestamp) -> Reading {
        let (found, is_complete) = (Vec::new(), true);
        Reading { from: 5, head: 5, found, is_complete, is_other: false, begun: SECOND, now }
    }

    fn ids() -> TokenIds {
        TokenIds { token: Some(Uuid::from_u128(1)), ..TokenIds::default() }
    }

    #[test]
    fn only_a_complete_reading_that_has_just_begun_tells() {
        let mut known = Known::default();
        let told = |known: &Known, later: Duration, elapsed: Duration| {
            known.verdict(&ids(), CURRENT, now().plus(later), SECOND + elapsed) != Verdict::Behind
        };
        assert!(!told(&known, Duration::ZERO, Duration::ZERO));
        known.take(Reading { is_complete: false, ..at(now()) });
        assert!(!told(&known, Duration::ZERO, Duration::ZERO));
        known.take(at(now()));
        let last = CURRENT - MICROSECOND;
        assert!(told(&known, Duration::ZERO, Duration::ZERO) && told(&known, last, last));
        assert!(!told(&known, CURRENT, last) && !told(&known, last, CURRENT));
        let earlier = known.verdict(&ids(), CURRENT, now().minus(MICROSECOND), SECOND);
        assert_eq!(earlier, Verdict::Behind, "the clock was set back");
    }

    #[test]
    fn what_a_clock_that_was_ahead_has_dropped_is_not_known_until_it_is_that_time() {
        let mut known = Known::default();
        known.take(at(now().plus(SECOND)));
        known.take(at(now()));
        assert_eq!(known.verdict(&ids(), CURRENT, now(), SECOND), Verdict::Behind);
        let then = known.verdict(&ids(), CURRENT, now().plus(SECOND), SECOND);
        assert!(matches!(then, Verdict::Lives(_)), "{then:?}");
        // Read anew, it is all there.
        known.take(Reading { from: 0, ..at(now()) });
        assert!(matches!(known.verdict(&ids(), CURRENT, now(), SECOND), Verdict::Lives(_)));
    }

    #[test]
    fn a_clock_that_goes_back_by_however_little_has_all_read_anew() {
        let mut known = Known::default();
        known.take(at(now()));
        assert!(!known.may_have_forgotten_too_much(now()));
        let earlier = now().minus(MICROSECOND);
        assert!(known.may_have_forgotten_too_much(earlier));
        known.take(Reading { from: 0, is_complete: false, ..at(earlier) });
        assert!(!known.may_have_forgotten_too_much(earlier), "it is being read");
    }

    /// A complete reading of the end of the token, which expires in a second.
    fn end() -> Reading {
        let (subject, not_before) = (Revoked::Token(Uuid::from_u128(1)), now());
        let revocation = Revocation { subject, not_before, expires_at: now().plus(SECOND) };
        let found = vec![NumberedRevocation { seq: 6, revocation }];
        Reading { head: 6, found, ..at(now()) }
    }

    /// The database may be away, or the clock have gone back.
    #[test]
    fn what_has_ended_stays_so_however_old_the_reading_is_and_while_all_is_read_anew() {
        let mut known = Known::default();
        known.take(end());
        let minute = 60 * SECOND;
        for (then, elapsed) in
            [(now().plus(minute), minute), (now().minus(minute), SECOND), (now(), minute)]
        {
            assert_eq!(known.verdict(&ids(), CURRENT, then, elapsed), Verdict::Ended);
        }
        known.take(Reading { from: 0, head: 2, is_complete: false, ..at(now()) });
        assert_eq!(known.verdict(&ids(), CURRENT, now(), SECOND), Verdict::Ended);
        assert_eq!((known.head(), known.read_up_to()), (6, 2));
        known.take(Reading { from: 2, ..end() });
        assert_eq!(known.verdict(&ids(), CURRENT, now(), SECOND), Verdict::Ended);
        assert_eq!((known.head(), known.read_up_to()), (6, 6));
    }

    #[test]
    fn what_was_read_voids_tokens_until_they_have_expired() {
        let mut known = Known::default();
        known.take(end());
        assert_eq!(known.verdict(&ids(), CURRENT, now(), SECOND), Verdict::Ended);
        let later = now().plus(SECOND);
        known.take(Reading { from: 6, head: 6, ..at(later) });
        assert!(matches!(known.verdict(&ids(), CURRENT, later, SECOND), Verdict::Lives(_)));
    }

    #[test]
    fn a_log_that_is_read_anew_tells_nothing_before_its_last_batch() {
        let mut known = Known::default();
        known.take(at(now()));
        known.take(Reading { from: 0, head: 2, is_complete: false, ..at(now()) });
        assert_eq!(known.verdict(&ids(), CURRENT, now(), SECOND), Verdict::Behind);
        known.take(Reading { from: 2, ..at(now()) });
        assert!(matches!(known.verdict(&ids(), CURRENT, now(), SECOND), Verdict::Lives(_)));
    }

    #[test]
    fn another_log_begins_another_history() {
        let history = |known: &Known, now| match known.verdict(&ids(), CURRENT, now, SECOND) {
            Verdict::Lives(history) => Some(history),
            Verdict::Ended | Verdict::Ending | Verdict::Unsure | Verdict::Behind => None,
        };
        let mut known = Known::default();
        known.take(at(now()));
        let later = now().plus(SECOND);
        known.take(at(later));
        assert_eq!(history(&known, later), Some(History { number: 1, since: now() }));
        let other = Reading { from: 0, is_other: true, is_complete: false, ..at(later) };
        known.take(other);
        assert_eq!(history(&known, later), None);
        known.take(at(later));
        assert_eq!(history(&known, later), Some(History { number: 2, since: later }));
    }
}
