//! Attempts that are counted, and how long the next one has to wait (ADR 14).

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
const MAX_MAILS: u32 = 60;

/// What is counted, and how that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleRule {
    /// Failed passwords in a row: after the first few each costs twice the time of the one before, up to a minute.
    Passwords,
    /// Failed codes: at most 20 in any hour.
    Codes,
    /// Codes that were sent: at most 60 in the hour that begins with the first.
    Mails,
    /// Codes that were sent: one, and none for so long after it.
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
        let ends_at = before.map_or(now.plus(HOUR), |before| before.expires_at);
        Ok(Charged { before, after: self.throttle(failures, now, ends_at) })
    }

    /// The budget `found` without an attempt that it was charged with: as it was before, or, where others have been
    /// charged since, as it would be with one less.
    pub fn take_back(self, charged: &Charged, found: Throttle) -> Option<Throttle> {
        if found == charged.after {
            return charged.before;
        }
        let failures = found.failures.saturating_sub(1);
        (failures > 0).then(|| self.throttle(failures, found.last_at, found.expires_at))
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
                // A day for each: whoever floods the service with names leaves no more than a day's worth of them.
                expires_at: last_at.plus(DAY * failures.min(30)),
            },
            // From the last one: a window that began with the first would let 40 into the hour around its end.
            Self::Codes => until_spent(MAX_FAILED_CODES, last_at.plus(HOUR)),
            // From the first: a window that began with the last would never end for somebody who logs in every hour.
            Self::Mails => until_spent(MAX_MAILS, ends_at),
            Self::CoolDown(wait) => until_spent(1, last_at.plus(wait)),
        }
    }
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
        let (times, _) = as_fast_as_possible(ThrottleRule::Mails, 61);
        assert_eq!((times[59], times[60]), (0, 3600));
        let mut budget = None;
        for number in 0..200 {
            budget = Some(ThrottleRule::Mails.charge(budget, at(number * 3000)).unwrap().after);
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
        assert_eq!(rule.take_back(&charged, charged.after), Some(before));
        let first = rule.charge(None, at(0)).unwrap();
        assert_eq!(rule.take_back(&first, first.after), None);
        // What others have been charged with since stays.
        let second = rule.charge(Some(first.after), at(1)).unwrap();
        let left = rule.take_back(&first, second.after).unwrap();
        assert_eq!((left.failures, left.last_at), (1, at(1)));
        assert_eq!(rule.take_back(&second, left), None);
    }

    #[test]
    fn the_hundred_and_first_failure_in_a_row_is_over_the_limit() {
        let (_, hundred) = as_fast_as_possible(ThrottleRule::Passwords, 100);
        let charge = |before| ThrottleRule::Passwords.charge(before, at(1_000_000)).unwrap();
        assert!(charge(Some(hundred)).is_over_the_limit());
        assert!(!charge(Some(Throttle { failures: 99, ..hundred })).is_over_the_limit());
    }
}
