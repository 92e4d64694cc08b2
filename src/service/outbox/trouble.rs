//! Outages of the delivery as a whole: logged when one begins and when it is over, not once a message.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::figures::Figures;
use crate::delivery::{Failure, FailureKind};

/// How long the same intermittent trouble is not logged again: one message that fails each time, between others that
/// get through, would fill the log.
const QUIET: Duration = Duration::from_secs(10 * 60);

/// The fewest recipients that must be deferred, and for how long, before the cause is not the recipients. Longer than
/// greylisting, which is five minutes as a rule.
const MANY: usize = 3;
const A_WHILE: Duration = Duration::from_secs(6 * 60);

/// The outages that one worker sees.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    states: Mutex<[State; Cause::ALL.len()]>,
    put_off: Mutex<PutOff>,
    /// A digest of recipients: their addresses are personal data.
    hasher: RandomState,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// When the trouble was last logged.
    told_at: Option<Instant>,
    /// Whether the trouble lasts and was logged: so its end must be logged as well.
    told: bool,
}

/// The recipients deferred since a message last got through.
#[derive(Debug, Default)]
struct PutOff {
    /// By the monotonic stopwatch.
    since: Option<Duration>,
    recipients: HashSet<u64>,
}

/// Why nothing gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Away,
    Setup,
    Recipients,
}

impl Cause {
    const ALL: [Self; 3] = [Self::Away, Self::Setup, Self::Recipients];

    /// The label in metrics.
    fn word(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Setup => "setup",
            Self::Recipients => "recipients",
        }
    }
}

/// The line for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Nothing,
    Begins(Cause),
    Over,
}

impl Trouble {
    /// A failure of one message begins no trouble, and ends none. If one recipient after the other is deferred, and
    /// none gets a message meanwhile, it is trouble: the server does not relay, or rejects this sender. `now` is by the
    /// stopwatch.
    pub(super) fn failed(
        &self,
        failure: &Failure,
        recipient: Option<&str>,
        now: Duration,
        figures: &Figures,
    ) {
        let Some(cause) = self.cause(failure.kind, recipient, now) else { return };
        figures.trouble(cause.word(), true);
        let why = failure.why.as_str();
        match self.note(cause) {
            Line::Begins(Cause::Away) => tracing::warn!(why, "messages do not get through"),
            Line::Begins(Cause::Setup) => tracing::error!(
                why,
                "messages do not get through because of a configuration error on either side; they are kept and retried"
            ),
            Line::Begins(Cause::Recipients) => tracing::error!(
                why,
                "the mail server defers every recipient (relaying denied, rate limit or reputation of this host); messages are \
                 kept"
            ),
            Line::Nothing | Line::Over => {}
        }
    }

    pub(super) fn succeeded(&self, figures: &Figures) {
        if self.end() == Line::Over {
            tracing::info!("messages get through again");
        }
        for cause in Cause::ALL {
            figures.trouble(cause.word(), false);
        }
    }

    fn cause(&self, kind: FailureKind, recipient: Option<&str>, now: Duration) -> Option<Cause> {
        match kind {
            FailureKind::Away => Some(Cause::Away),
            FailureKind::Setup => Some(Cause::Setup),
            FailureKind::Waits => self.put_off(recipient?, now).then_some(Cause::Recipients),
            FailureKind::Refused | FailureKind::Unknown => None,
        }
    }

    /// Records a deferred recipient. Returns whether all recipients seem to be.
    fn put_off(&self, recipient: &str, now: Duration) -> bool {
        let mut put_off = self.put_off.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *put_off.since.get_or_insert(now);
        if put_off.recipients.len() < MANY {
            put_off.recipients.insert(self.hasher.hash_one(recipient));
        }
        put_off.recipients.len() >= MANY && now >= since + A_WHILE
    }

    fn note(&self, cause: Cause) -> Line {
        let now = Instant::now();
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut states[cause as usize];
        let quiet = state.told_at.is_some_and(|told_at| now < told_at + QUIET);
        if state.told || quiet {
            return Line::Nothing;
        }
        *state = State { told_at: Some(now), told: true };
        Line::Begins(cause)
    }

    fn end(&self) -> Line {
        *self.put_off.lock().unwrap_or_else(PoisonError::into_inner) = PutOff::default();
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let told = states.iter().any(|state| state.told);
        for state in states.iter_mut() {
            state.told = false;
        }
        if told { Line::Over } else { Line::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trouble_and_its_end_are_told_once() {
        let trouble = Trouble::default();
        assert_eq!(trouble.end(), Line::Nothing);
        for kind in [FailureKind::Refused, FailureKind::Waits, FailureKind::Unknown] {
            assert_eq!(trouble.cause(kind, Some("bob@example.com"), Duration::ZERO), None);
        }
        assert_eq!(trouble.note(Cause::Away), Line::Begins(Cause::Away));
        for _ in 0..5000 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(trouble.note(Cause::Away), Line::Nothing);
        }
        assert_eq!(trouble.note(Cause::Setup), Line::Begins(Cause::Setup));
        assert_eq!(trouble.end(), Line::Over);
        assert_eq!(trouble.end(), Line::Nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_told_every_ten_minutes_at_the_most() {
        let trouble = Trouble::default();
        let mut lines = 0;
        for _ in 0..3600 {
            tokio::time::advance(Duration::from_secs(1)).await;
            lines += usize::from(trouble.note(Cause::Setup) != Line::Nothing);
            lines += usize::from(trouble.end() != Line::Nothing);
        }
        assert_eq!(lines, 12, "six beginnings and six ends in an hour");
        // Trouble that lasts is logged as soon as the quiet period is over.
        assert_eq!(trouble.note(Cause::Setup), Line::Nothing);
        tokio::time::advance(QUIET).await;
        assert_eq!(trouble.note(Cause::Setup), Line::Begins(Cause::Setup));
    }

    #[test]
    fn who_is_put_off_is_trouble_if_it_is_everybody_for_a_while() {
        let trouble = Trouble::default();
        let waits = |minutes: u64, recipient| {
            let now = Duration::from_secs(60 * minutes);
            trouble.cause(FailureKind::Waits, Some(recipient), now) == Some(Cause::Recipients)
        };
        for recipient in ["a", "b", "c", "d"] {
            assert!(!waits(0, recipient), "not for long");
        }
        assert!(!waits(5, "a") && waits(6, "a"));
        // A message got through: the count begins anew.
        trouble.end();
        for minutes in [0, 6, 60] {
            assert!(!waits(minutes, "a") && !waits(minutes, "b"), "two full mailboxes");
        }
        assert!(waits(61, "c"));
        trouble.end();
        assert!(!waits(61, "c"));
        // An unreadable message has no recipient.
        assert_eq!(trouble.cause(FailureKind::Waits, None, Duration::MAX), None);
    }
}
