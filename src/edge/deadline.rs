//! Deadlines of calls.

use std::time::{Duration, Instant};

/// Our deadline fires this much earlier than a transport's timer for the same deadline: tonic would answer CANCELLED.
const AHEAD: Duration = Duration::from_millis(2);

/// The deadlines of all calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// The default, and the maximum for callers that set a deadline.
    pub(crate) max: Duration,
}

/// The deadline of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// The time for the first answer.
    pub(crate) answer: Duration,
    /// The caller's deadline, to which a stream goes on, past our limit; `None` if the caller set none.
    pub(crate) end: Option<Instant>,
}

impl Deadlines {
    /// The deadline of a call that came at `now`, whose caller `asked` for so much time.
    pub(crate) fn of(self, asked: Option<Duration>, now: Instant) -> Deadline {
        let ahead = |asked: Duration| asked.saturating_sub(AHEAD);
        let answer = asked.map_or(self.max, |asked| ahead(asked.min(self.max)));
        // `None`, too, if it is too far in the future for the clock.
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
