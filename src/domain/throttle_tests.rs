//! Delays that budgets impose on the next attempt.

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_micros(0).plus(Duration::from_secs(seconds))
}

/// The earliest time of each of `count` attempts, in seconds, and the budget after them.
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

const RULES: [ThrottleRule; 7] = [
    ThrottleRule::Passwords,
    ThrottleRule::AccountPasswords,
    ThrottleRule::Codes,
    ThrottleRule::CodesAYear,
    ThrottleRule::Rate(600),
    ThrottleRule::Hourly(60),
    ThrottleRule::CoolDown(Duration::from_secs(30)),
];

/// A budget after all attempts without a wait, by a clock that is ahead.
fn used_up(rule: ThrottleRule, now: Timestamp) -> Throttle {
    let mut budget = rule.charge(None, now).unwrap().after;
    while let Ok(charged) = rule.charge(Some(budget), now) {
        budget = charged.after;
    }
    budget
}

#[test]
fn a_clock_that_was_ahead_and_is_set_right_holds_nobody() {
    for rule in RULES {
        for ahead in [2 * HOUR, YEAR, 20 * YEAR] {
            let (now, wrong) = (at(1_000_000), at(1_000_000).plus(ahead));
            let before = used_up(rule, wrong);
            let after = rule.charge(Some(before), now).unwrap().after;
            // The failures still count, and from now on the right clock does.
            assert_eq!((after.failures, after.last_at), (before.failures + 1, now), "{rule:?}");
            let wait = after.next_allowed_at.since(now);
            assert!(wait <= rule.longest_wait(), "{rule:?}: {wait:?}");
            assert!(rule.charge(Some(after), now).is_err(), "{rule:?}: one, and no more");
            assert!(after.expires_at <= now.plus(YEAR), "{rule:?}");
            let later = after.next_allowed_at;
            assert!(rule.charge(Some(after), later).is_ok(), "{rule:?}");
        }
    }
}

/// Two replicas with the largest allowed clock skew: an attacker who alternates between them gains no attempt.
#[test]
fn a_replica_that_is_behind_believes_the_one_that_is_ahead() {
    for rule in RULES {
        for apart in [Duration::from_secs(90), CLOCK_SKEW] {
            let (behind, ahead) = (at(1_000_000), at(1_000_000).plus(apart));
            let before = used_up(rule, ahead);
            let until = rule.charge(Some(before), behind).unwrap_err();
            assert_eq!(rule.charge(Some(before), ahead), Err(until), "{rule:?}");
            assert!(until.since(behind) <= rule.longest_wait() + apart, "{rule:?}");
        }
    }
}

#[test]
fn a_row_of_other_settings_holds_nobody_longer_than_todays() {
    let (long, short) = (ThrottleRule::CoolDown(DAY), ThrottleRule::CoolDown(HOUR));
    let before = long.charge(None, at(0)).unwrap().after;
    assert_eq!(short.charge(Some(before), at(5)), Err(at(3600)));
    let (rare, often) = (ThrottleRule::Rate(1), ThrottleRule::Rate(600));
    let before = rare.charge(None, at(0)).unwrap().after;
    assert_eq!(often.charge(Some(before), at(5)), Err(at(6)));
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
    // A late attempt does not push the others out of the window either.
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
    // Later charges of others stay.
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

/// Each source gets eleven attempts in the first minutes and one a minute from then on.
#[test]
fn a_hundred_addresses_do_not_use_up_what_strangers_may_try_on_an_account() {
    let (mut account, mut tried) = (None, 0);
    let each = as_fast_as_possible(ThrottleRule::Passwords, 100).0;
    let mut times: Vec<_> = (0..100).flat_map(|_| each.iter().copied()).collect();
    times.sort_unstable();
    for second in times {
        account = Some(ThrottleRule::AccountPasswords.charge(account, at(second)).unwrap().after);
        tried += 1;
    }
    assert_eq!((tried, account.unwrap().failures), (10_000, 10_000));
}
