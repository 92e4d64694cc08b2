//! Rate limits on attempts, against brute force: what is counted, and the wait before the next attempt (ADR 14).

use std::time::Duration;

use super::{CLOCK_SKEW, Timestamp};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Passwords that can be tried without any wait between them: people mistype.
pub const FREE_ATTEMPTS: u32 = 5;

/// Cap of the exponential backoff of the rate limit: an attacker cannot lock an owner out for longer.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// After so many failures in a row a password alone opens nothing (NIST SP 800-63B-4, section 3.2.2).
pub const MAX_FAILURES_IN_A_ROW: u32 = 100;

/// Logins from new devices that an account is told of in a day: more than people have, and few enough to read.
pub const NEW_DEVICES_A_DAY: i64 = 10;

const MAX_FAILED_CODES: u32 = 20;

/// Three codes of an app are right at any time, so 100 guesses a year are right with a probability of 3 in 10,000.
const MAX_FAILED_CODES_A_YEAR: u32 = 100;

/// Passwords that all strangers together may try on one account in an hour: more than a hundred addresses can use up, at
/// one a minute each.
const ACCOUNT_CEILING: u32 = 12_000;

/// A rule: what is counted, and its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleRule {
    /// Failed passwords in a row, of one address or device: after the first few each costs twice the time of the one before, up to
    /// a minute.
    Passwords,
    /// Failed passwords in a row, of all strangers to an account together: counted for the limit of 100, and up to a ceiling.
    AccountPasswords,
    /// Failed codes: at most 20 in any hour.
    Codes,
    /// Failed codes, again: at most 100 in the year that begins with the first.
    CodesAYear,
    /// A leaky bucket: at most so many an hour in the long run, and a sixth of that at once.
    Rate(u32),
    /// A fixed window: at most so many in the hour that begins with the first.
    Hourly(u32),
    /// A cool-down: one, and none for so long after it.
    CoolDown(Duration),
}

/// The state of a budget: the attempts charged to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// The number of attempts.
    pub failures: u32,
    /// The time of the last one.
    pub last_at: Timestamp,
    /// The earliest time of the next one.
    pub next_allowed_at: Timestamp,
    /// The time from which the budget is empty again.
    pub expires_at: Timestamp,
}

/// An attempt that was charged before its outcome was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// The budget before it.
    pub before: Option<Throttle>,
    /// The budget with it.
    pub after: Throttle,
}

impl ThrottleRule {
    /// Charges an attempt.
    ///
    /// # Errors
    /// The earliest time of the next attempt, where none is allowed now.
    pub fn charge(self, before: Option<Throttle>, now: Timestamp) -> Result<Charged, Timestamp> {
        let before = before.map(|found| self.believed(found, now));
        let before = before.filter(|before| now < before.expires_at);
        // Attempts may be charged out of order, and the clocks of replicas differ.
        let now = before.map_or(now, |before| before.last_at.max(now));
        if let Some(before) = before.filter(|before| now < before.next_allowed_at) {
            return Err(before.next_allowed_at);
        }
        let failures = before.map_or(0, |before| before.failures).saturating_add(1);
        let after = match self.bucket() {
            Some(bucket) => self.poured(bucket, failures, now, bucket.add(before, now)),
            None => {
                let ends_at = before.map_or(now.plus(self.window()), |before| before.expires_at);
                self.throttle(failures, now, ends_at)
            }
        };
        Ok(Charged { before, after })
    }

    /// The budget `found` without an attempt that it was charged with (refund): as it was before, or, where others have
    /// been charged since, or its former state is no longer known, as it would be with one less.
    pub fn take_back(self, charged: Option<&Charged>, found: Throttle) -> Option<Throttle> {
        if let Some(charged) = charged.filter(|charged| charged.after == found) {
            return charged.before;
        }
        let failures = found.failures.saturating_sub(1);
        (failures > 0).then(|| match self.bucket() {
            Some(bucket) => {
                let next_allowed_at = found.next_allowed_at.minus(bucket.interval);
                self.poured(bucket, failures, found.last_at, next_allowed_at)
            }
            None => self.throttle(failures, found.last_at, found.expires_at),
        })
    }

    /// Clamps a stored row to what the rule can have written by `now`. Other settings may have written it, or a clock that
    /// was ahead; then its owner would wait until the right clock has caught up, which may be a year (ADR 23).
    ///
    /// The true time of an attempt from the future is unknown. It is counted, and the next one need not wait: that one is
    /// charged by the right clock. A clock that is ahead by no more than the allowed skew is believed: alternating between
    /// two replicas must not undo a delay.
    fn believed(self, found: Throttle, now: Timestamp) -> Throttle {
        let ahead = found.last_at.since(now);
        if ahead <= CLOCK_SKEW {
            let longest = found.last_at.plus(self.longest_wait());
            return Throttle { next_allowed_at: found.next_allowed_at.min(longest), ..found };
        }
        Throttle {
            failures: found.failures,
            last_at: now,
            next_allowed_at: found.next_allowed_at.minus(ahead).min(now),
            expires_at: found.expires_at.min(now.plus(self.window())),
        }
    }

    /// The longest wait after an attempt.
    fn longest_wait(self) -> Duration {
        match (self, self.bucket()) {
            (_, Some(bucket)) => bucket.interval,
            (Self::Passwords, None) => LONGEST_DELAY,
            (Self::CoolDown(wait), None) => wait,
            (_, None) => self.window(),
        }
    }

    /// How long the first attempt of a window counts.
    fn window(self) -> Duration {
        if self == Self::CodesAYear { YEAR } else { HOUR }
    }

    /// The leaky bucket of a rate, whose count of attempts means nothing by itself: it can be charged, and an attempt
    /// refunded, by what its row says then.
    pub fn bucket_of_a_rate(self) -> Option<Bucket> {
        if matches!(self, Self::Rate(_)) { self.bucket() } else { None }
    }

    /// Whether a number of attempts is free in some time: one less always makes room.
    pub fn is_a_window(self) -> bool {
        matches!(self, Self::Codes | Self::CodesAYear | Self::Hourly(_) | Self::CoolDown(_))
    }

    fn bucket(self) -> Option<Bucket> {
        match self {
            Self::Rate(an_hour) => Some(Bucket::new(an_hour)),
            Self::AccountPasswords => Some(Bucket::new(ACCOUNT_CEILING)),
            Self::Passwords
            | Self::Codes
            | Self::CodesAYear
            | Self::Hourly(_)
            | Self::CoolDown(_) => None,
        }
    }

    fn poured(
        self,
        bucket: Bucket,
        failures: u32,
        last_at: Timestamp,
        next_allowed_at: Timestamp,
    ) -> Throttle {
        // The count of failures in a row outlives the bucket.
        let expires_at = if self == Self::AccountPasswords {
            remembered(failures, last_at)
        } else {
            bucket.empty_at(next_allowed_at)
        };
        Throttle { failures, last_at, next_allowed_at, expires_at }
    }

    fn throttle(self, failures: u32, last_at: Timestamp, ends_at: Timestamp) -> Throttle {
        let until_spent = |max: u32, ends_at| Throttle {
            failures,
            last_at,
            next_allowed_at: if failures < max { last_at } else { ends_at },
            expires_at: ends_at,
        };
        match self {
            Self::Passwords => Throttle {
                failures,
                last_at,
                next_allowed_at: last_at.plus(delay(failures)),
                expires_at: remembered(failures, last_at),
            },
            // From the last one: a window that began with the first would let 40 into the hour around its end.
            Self::Codes => until_spent(MAX_FAILED_CODES, last_at.plus(HOUR)),
            Self::CodesAYear => until_spent(MAX_FAILED_CODES_A_YEAR, ends_at),
            // From the first: a window that began with the last would never end for a user who logs in every hour.
            Self::Hourly(most) => until_spent(most, ends_at),
            Self::CoolDown(wait) => until_spent(1, last_at.plus(wait)),
            // Buckets have no window.
            Self::AccountPasswords | Self::Rate(_) => until_spent(u32::MAX, ends_at),
        }
    }
}

/// A leaky bucket by GCRA: its whole state is the time from which another attempt is allowed, which may be past.
///
/// Postgres charges those of rates by the same rule: `CHARGE` in `store/postgres/at_once/charge.rs`.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// The time in which one attempt leaks out.
    pub interval: Duration,
    /// How much earlier than at a steady rate attempts may come.
    pub tolerance: Duration,
}

impl Bucket {
    /// Takes a sixth of an hour's worth at once: at least one.
    fn new(an_hour: u32) -> Self {
        let interval = HOUR / an_hour.max(1);
        Self { interval, tolerance: interval * (an_hour / 6).saturating_sub(1) }
    }

    /// The earliest time of another attempt, after one at `now`.
    fn add(self, before: Option<Throttle>, now: Timestamp) -> Timestamp {
        let empty = now.minus(self.tolerance);
        before.map_or(empty, |before| before.next_allowed_at.max(empty)).plus(self.interval)
    }

    fn empty_at(self, next_allowed_at: Timestamp) -> Timestamp {
        next_allowed_at.plus(self.tolerance)
    }
}

/// One day for each failed password: a flood of made-up names leaves no more than a day's worth of rows.
fn remembered(failures: u32, last_at: Timestamp) -> Timestamp {
    last_at.plus(DAY * failures.min(30))
}

impl Charged {
    /// Whether there were so many failures in a row that the right password alone is not enough.
    pub fn is_over_the_limit(&self) -> bool {
        self.after.failures > MAX_FAILURES_IN_A_ROW
    }
}

/// How long to wait after so many failed passwords: 1 s after the fifth, then 2 s, 4 s and so on.
fn delay(failures: u32) -> Duration {
    match failures.checked_sub(FREE_ATTEMPTS) {
        None => Duration::ZERO,
        Some(doublings) => Duration::from_secs(1 << doublings.min(6)).min(LONGEST_DELAY),
    }
}

#[cfg(test)]
#[path = "throttle_tests.rs"]
mod throttle_tests;
