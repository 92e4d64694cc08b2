//! Messages from the future: how far ahead of ours another clock's times are believed (ADR 23).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::CLOCK_SKEW, store::LONGEST_REST};

/// A clock that was corrected leaves messages behind, and they are found within seconds.
const SECONDS: Duration = Duration::from_secs(30);

/// How long recalls are suspended after messages from the future kept coming.
const DOUBT: Duration = Duration::from_secs(60 * 60);

/// Messages from the future that a worker has seen. If they keep coming for longer than [`SECONDS`], they are being
/// written now: by a clock that is still ahead, or by all others because this one's clock is behind. Recalling those
/// would undo the backoff of healthy workers, and steal the messages that they are sending, again and again.
#[derive(Debug, Default)]
pub(super) struct Recall(Mutex<Seen>);

/// Times are by the monotonic stopwatch.
#[derive(Debug, Default)]
struct Seen {
    first: Option<Duration>,
    last: Duration,
    doubted: Option<Duration>,
}

/// The line for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Messages were recalled, for the first time in a while.
    Recalled,
    /// Messages from the future keep coming: from now on they are left alone.
    Doubted,
    Nothing,
}

impl Recall {
    /// How far in the future a pause may have begun and still be believed.
    pub(super) fn believed(&self, now: Duration) -> Duration {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let doubts = seen.doubted.is_some_and(|since| now < since + DOUBT);
        if doubts { LONGEST_REST + CLOCK_SKEW } else { CLOCK_SKEW }
    }

    /// Notes that messages were recalled.
    pub(super) fn note(&self, now: Duration) -> Told {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = now < seen.last + SECONDS;
        let first = seen.first.filter(|_| goes_on);
        (seen.first, seen.last) = (Some(first.unwrap_or(now)), now);
        match first {
            None => Told::Recalled,
            Some(first) if now < first + SECONDS => Told::Nothing,
            Some(_) => {
                (seen.first, seen.doubted) = (None, Some(now));
                Told::Doubted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_a_clock_has_left_behind_is_recalled_at_once_whenever_it_is_found() {
        let recall = Recall::default();
        for start in [0, 100, 10_000] {
            assert_eq!(recall.note(at(start)), Told::Recalled);
            for later in 1..30 {
                assert_eq!(recall.note(at(start + later)), Told::Nothing);
            }
            assert_eq!(recall.believed(at(start + 29)), CLOCK_SKEW);
        }
    }

    #[test]
    fn what_goes_on_is_left_alone_for_an_hour_and_tried_again_then() {
        let recall = Recall::default();
        recall.note(at(0));
        for second in 1..30 {
            recall.note(at(second));
        }
        assert_eq!(recall.note(at(30)), Told::Doubted);
        assert_eq!(recall.believed(at(31)), LONGEST_REST + CLOCK_SKEW);
        assert_eq!(recall.believed(at(30 + 3599)), LONGEST_REST + CLOCK_SKEW);
        assert_eq!(recall.believed(at(30 + 3600)), CLOCK_SKEW);
        assert_eq!(recall.note(at(30 + 3600)), Told::Recalled);
    }
}
