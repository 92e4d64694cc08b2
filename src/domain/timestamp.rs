//! Points in time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The largest clock skew between replicas. For so long after its successor's start a key may still sign, on replicas that
/// have not noticed or are behind.
pub const CLOCK_SKEW: Duration = Duration::from_secs(120);

/// A point in time in UTC, in whole microseconds: the precision of both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `micros` microseconds after 1970-01-01 UTC.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 UTC.
    pub fn unix_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 UTC, as in JWT claims (RFC 7519, NumericDate).
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time `duration` later.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// The time `duration` earlier.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// The time from `earlier` to this; zero if this is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether the time of a past event must be wrong: it is later than `now` by more than the clock skew of replicas. A
    /// wrong clock wrote it (ADR 23).
    pub fn is_from_the_future(self, now: Self) -> bool {
        self > now.plus(CLOCK_SKEW)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(-micros(before.duration())),
        }
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let distance = Duration::from_micros(time.0.unsigned_abs());
        if time.0 < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_never_go_below_zero() {
        let (early, late) = (Timestamp::from_unix_micros(5), Timestamp::from_unix_micros(9));
        assert_eq!(late.since(early), Duration::from_micros(4));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.plus(Duration::from_micros(4)), late);
        assert_eq!(late.minus(Duration::from_micros(4)), early);
    }

    #[test]
    fn what_is_later_than_clocks_may_be_apart_is_from_the_future() {
        let now = Timestamp::from_unix_micros(0);
        let ahead = now.plus(CLOCK_SKEW);
        assert!(!now.is_from_the_future(now) && !ahead.is_from_the_future(now));
        assert!(ahead.plus(Duration::from_micros(1)).is_from_the_future(now));
    }

    #[test]
    fn it_is_the_systems_time_in_other_words() {
        for micros in [-1_500_000, 0, 1_800_000_000_123_456] {
            let time = Timestamp::from_unix_micros(micros);
            assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        }
    }

    #[test]
    fn seconds_round_towards_the_past() {
        assert_eq!(Timestamp::from_unix_micros(1_999_999).unix_seconds(), 1);
        assert_eq!(Timestamp::from_unix_micros(-1).unix_seconds(), -1);
    }
}
