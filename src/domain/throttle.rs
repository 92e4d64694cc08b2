//! Rate limits on attempts: what is counted, and how long the next attempt has to wait (ADR 14).

use std::time::Duration;

use super::Timestamp;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// So many passwords can be tried without any wait between them: people mistype.
pub const FREE_ATTEMPTS: u32 = 5;

/// Nobody keeps an owner out for longer than that.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// After so many failures in a row a password alone opens nothing (NIST SP 800-63B-4, section 3.2.2).
pub const MAX_FAILURES_IN_A_ROW: u32 = 100;

const MAX_FAILED_CODES: u32 = 20;

/// Three codes of an app are right at any time, so 100 guesses a year are right with a probability of 3 in 10,000.
const MAX_FAILED_CODES_A_YEAR: u32 = 100;

/// Passwords that all strangers together may try on one account in an hour: more than a hundred addresses can use up, each of
/// which gets one a minute.
const ACCOUNT_CEILING: u32 = 12_000;

/// What is counted, and how that is limited.
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
    /// At most so many an hour in the long run, and a sixth of that at once: a leaky bucket.
    Rate(u32),
    /// At most so many in the hour that begins with the first.
    Hourly(u32),
    /// One, and none for so long after it.
    CoolDown(Duration),
}

/// The attempts that a budget has been charged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last_at: Timestamp,
    /// From when there may be another.
    pub next_allowed_at: Timestamp,
    /// From when it is as though there had been none.
    pub expires_at: Timestamp,
}

/// An attempt that was charged before anybody knew what would come of it.
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
    /// When there may be another, where there may be none now.
    pub fn charge(self, before: Option<Throttle>, now: Timestamp) -> Result<Charged, Timestamp> {
        let before = before.filter(|before| now < before.expires_at);
        // Attempts that were made earlier may be charged later, and the clocks of replicas differ.
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

    /// The budget `found` without an attempt that it was charged with: as it was before, or, where others have been
    /// charged since, or what it was is not known any more, as it would be with one less.
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

    /// For how long the first attempt of a window counts.
    fn window(self) -> Duration {
        if self == Self::CodesAYear { 365 * DAY } else { HOUR }
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
            // From the first: a window that began with the last would never end for somebody who logs in every hour.
            Self::Hourly(most) => until_spent(most, ends_at),
            Self::CoolDown(wait) => until_spent(1, last_at.plus(wait)),
            // Buckets have no window.
            Self::AccountPasswords | Self::Rate(_) => until_spent(u32::MAX, ends_at),
        }
    }
}

/// A leaky bucket as GCRA keeps it: all of its state is the time from which there may be another attempt, which may be past.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// One attempt leaks out in that time.
    interval: Duration,
    /// How much earlier than at a steady rate attempts may come.
    tolerance: Duration,
}

impl Bucket {
    /// Takes a sixth of an hour's worth at once: at least one.
    fn new(an_hour: u32) -> Self {
        let interval = HOUR / an_hour.max(1);
        Self { interval, tolerance: interval * (an_hour / 6).saturating_sub(1) }
    }

    /// From when there may be another attempt, after one at `now`.
    fn add(self, before: Option<Throttle>, now: Timestamp) -> Timestamp {
        let empty = now.minus(self.tolerance);
        before.map_or(empty, |before| before.next_allowed_at.max(empty)).plus(self.interval)
    }

    fn empty_at(self, next_allowed_at: Timestamp) -> Timestamp {
        next_allowed_at.plus(self.tolerance)
    }
}

/// A day for each failed password: whoever floods the service with names leaves no more than a day's worth of them.
fn remembered(failures: u32, last_at: Timestamp) -> Timestamp {
    last_at.plus(DAY * failures.min(30))
}

impl Charged {
    /// Whether there were so many failures in a row that a right password proves too little by itself.
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
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_micros(0).plus(Duration::from_secs(seconds))
    }

    /// When each of `count` attempts can be made at the earliest, in seconds, and the budget after them.
    fn as_fast_as_possible(rule: ThrottleRule, count: usize) -> (Vec<u64>, Throttle) {
        let (mut times, mut now, mut budget) = (Vec::new(), at(0), None);
        while times.len() < count {
            match rule.charge(budget, now) {
                Ok(charged) => {
                    budget = Some(charged.after);
                    times.push(now.since(at(0)).as_secs());
                }
                Err(until) => now = until,
            }
        }
        (times, budget.unwrap())
    }

    #[test]
    fn each_failed_password_after_the_first_five_waits_twice_as_long_up_to_a_minute() {
        let (times, budget) = as_fast_as_possible(ThrottleRule::Passwords, 14);
        assert_eq!(times, [0, 0, 0, 0, 0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
        assert_eq!(budget.failures, 14);
        assert_eq!(budget.next_allowed_at, at(243 + 60));
    }

    #[test]
    fn an_attempt_that_was_overtaken_is_no_reason_to_wait() {
        let first = ThrottleRule::Passwords.charge(None, at(1)).unwrap();
        let second = ThrottleRule::Passwords.charge(Some(first.after), at(0)).unwrap();
        assert_eq!((second.after.failures, second.after.last_at), (2, at(1)));
    }

    #[test]
    fn failed_passwords_are_remembered_a_day_for_each() {
        let (_, budget) = as_fast_as_possible(ThrottleRule::Passwords, 3);
        let day = DAY.as_secs();
        let failures_at = |seconds| {
            let charged = ThrottleRule::Passwords.charge(Some(budget), at(seconds));
            charged.unwrap().after.failures
        };
        assert_eq!((failures_at(3 * day - 1), failures_at(3 * day)), (4, 1));
        let (_, budget) = as_fast_as_possible(ThrottleRule::Passwords, 200);
        assert_eq!(budget.expires_at, budget.last_at.plus(30 * DAY));
    }

    #[test]
    fn no_hour_sees_more_than_twenty_failed_codes() {
        let (times, _) = as_fast_as_possible(ThrottleRule::Codes, 60);
        for window in times.windows(21) {
            assert!(window[20] - window[0] >= 3600, "{window:?}");
        }
        // Nor does one that comes late push the others out of sight.
        let mut budget = None;
        for second in 0..20 {
            let charged = ThrottleRule::Codes.charge(budget, at(second * 200));
            budget = Some(charged.unwrap().after);
        }
        assert_eq!(ThrottleRule::Codes.charge(budget, at(3801)), Err(at(3800 + 3600)));
    }

    #[test]
    fn sixty_mails_an_hour_and_one_every_hour_for_ever() {
        let rule = ThrottleRule::Hourly(60);
        let (times, _) = as_fast_as_possible(rule, 61);
        assert_eq!((times[59], times[60]), (0, 3600));
        let mut budget = None;
        for number in 0..200 {
            budget = Some(rule.charge(budget, at(number * 3000)).unwrap().after);
        }
    }

    #[test]
    fn one_mail_for_each_cool_down() {
        let rule = ThrottleRule::CoolDown(Duration::from_secs(30));
        assert_eq!(as_fast_as_possible(rule, 3).0, [0, 30, 60]);
        let none = ThrottleRule::CoolDown(Duration::ZERO);
        assert_eq!(as_fast_as_possible(none, 3).0, [0, 0, 0]);
    }

    #[test]
    fn what_is_taken_back_has_never_been() {
        let rule = ThrottleRule::Passwords;
        let (_, before) = as_fast_as_possible(rule, 12);
        let charged = rule.charge(Some(before), before.next_allowed_at).unwrap();
        assert_eq!(rule.take_back(Some(&charged), charged.after), Some(before));
        let first = rule.charge(None, at(0)).unwrap();
        assert_eq!(rule.take_back(Some(&first), first.after), None);
        // What others have been charged with since stays.
        let second = rule.charge(Some(first.after), at(1)).unwrap();
        let left = rule.take_back(Some(&first), second.after).unwrap();
        assert_eq!((left.failures, left.last_at), (1, at(1)));
        assert_eq!(rule.take_back(Some(&second), left), None);
    }

    #[test]
    fn the_hundred_and_first_failure_in_a_row_is_over_the_limit() {
        let (_, hundred) = as_fast_as_possible(ThrottleRule::Passwords, 100);
        let charge = |before| ThrottleRule::Passwords.charge(before, at(1_000_000)).unwrap();
        assert!(charge(Some(hundred)).is_over_the_limit());
        assert!(!charge(Some(Throttle { failures: 99, ..hundred })).is_over_the_limit());
    }

    #[test]
    fn a_hundred_failed_codes_a_year_and_no_more() {
        let (times, budget) = as_fast_as_possible(ThrottleRule::CodesAYear, 101);
        assert_eq!((times[99], times[100]), (0, 365 * DAY.as_secs()));
        assert_eq!(budget.failures, 1, "a new year");
    }

    #[test]
    fn a_rate_lets_a_sixth_through_at_once_and_then_one_at_a_time() {
        let (times, _) = as_fast_as_possible(ThrottleRule::Rate(600), 103);
        assert_eq!((times[99], times[100], times[101], times[102]), (0, 6, 12, 18));
        // After ten minutes of silence it is empty again, and no emptier.
        let (_, full) = as_fast_as_possible(ThrottleRule::Rate(600), 100);
        assert_eq!(full.expires_at, at(600));
        let (times, _) = as_fast_as_possible(ThrottleRule::Rate(1), 3);
        assert_eq!(times, [0, 3600, 7200]);
    }

    #[test]
    fn what_is_taken_back_from_a_bucket_is_there_again_whatever_others_took() {
        let rule = ThrottleRule::Rate(600);
        let (_, full) = as_fast_as_possible(rule, 100);
        assert_eq!(rule.charge(Some(full), at(0)), Err(at(6)));
        let left = rule.take_back(None, full).unwrap();
        assert_eq!(rule.charge(Some(left), at(0)).unwrap().after, full);
        let only = rule.charge(None, at(0)).unwrap();
        assert_eq!(rule.take_back(None, only.after), None);
    }

    /// Each of them gets eleven attempts in the first minutes and one a minute from then on.
    #[test]
    fn a_hundred_addresses_do_not_use_up_what_strangers_may_try_on_an_account() {
        let (mut account, mut tried) = (None, 0);
        let each = as_fast_as_possible(ThrottleRule::Passwords, 100).0;
        let mut times: Vec<_> = (0..100).flat_map(|_| each.iter().copied()).collect();
        times.sort_unstable();
        for second in times {
            account =
                Some(ThrottleRule::AccountPasswords.charge(account, at(second)).unwrap().after);
            tried += 1;
        }
        assert_eq!((tried, account.unwrap().failures), (10_000, 10_000));
    }
}
