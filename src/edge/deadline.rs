//! How long a call may take.

use std::time::{Duration, Instant};

/// Ours fires this much before the timer of a transport that heeds the caller's deadline, too: tonic would answer CANCELLED.
const AHEAD: Duration = Duration::from_millis(2);

/// The rule for all calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// For callers that name no deadline, and the longest for those that do.
    pub(crate) max: Duration,
}

/// What the rule says of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// How long there is for the first answer.
    pub(crate) answer: Duration,
    /// Until when its caller listens. A stream goes on until then, past our limit; `None` where the caller did not say.
    pub(crate) end: Option<Instant>,
}

impl Deadlines {
    /// Of a call that came at `now`, whose caller `asked` to wait no longer than that.
    pub(crate) fn of(self, asked: Option<Duration>, now: Instant) -> Deadline {
        let ahead = |asked: Duration| asked.saturating_sub(AHEAD);
        let answer = asked.map_or(self.max, |asked| ahead(asked.min(self.max)));
        // None, too, where it is further away than a clock can say.
        let end = asked.and_then(|asked| now.checked_add(ahead(asked)));
        Deadline { answer, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_the_callers_deadline_and_ours_is_for_the_answer_and_the_callers_for_the_stream()
     {
        let (now, seconds) = (Instant::now(), Duration::from_secs);
        let deadlines = Deadlines { max: seconds(30) };
        for (asked, answer, end) in [
            (None, seconds(30), None),
            (Some(seconds(5)), seconds(5) - AHEAD, Some(now + seconds(5) - AHEAD)),
            (Some(seconds(3600)), seconds(30) - AHEAD, Some(now + seconds(3600) - AHEAD)),
            (Some(Duration::from_micros(1)), Duration::ZERO, Some(now)),
            (Some(Duration::MAX), seconds(30) - AHEAD, None),
        ] {
            assert_eq!(deadlines.of(asked, now), Deadline { answer, end }, "{asked:?}");
        }
    }
}
