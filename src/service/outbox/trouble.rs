//! What is wrong with the delivery as a whole: told when it begins and when it is over, not once a message.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::figures::Figures;
use crate::delivery::{Failure, FailureKind};

/// How long the same trouble is not told again, where it comes and goes: one mail that is refused each time, between others
/// that get through, would fill the log.
const QUIET: Duration = Duration::from_secs(10 * 60);

/// The troubles of one worker.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<[State; 2]>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// When it was told last.
    told_at: Option<Instant>,
    /// Whether it lasts and was told: so its end is to be told as well.
    told: bool,
}

/// What the log gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Nothing,
    Away,
    Setup,
    Over,
}

impl Trouble {
    /// What concerns one message is no trouble, and not its end either.
    pub(super) fn failed(&self, failure: &Failure, figures: &Figures) {
        let line = self.note(failure.kind);
        if let Some(cause) = cause(failure.kind) {
            figures.trouble(cause, true);
        }
        let why = failure.why.as_str();
        match line {
            Line::Away => tracing::warn!(why, "messages do not get through"),
            Line::Setup => tracing::error!(
                why,
                "messages do not get through until somebody changes the settings here or there; they are kept"
            ),
            Line::Nothing | Line::Over => {}
        }
    }

    pub(super) fn succeeded(&self, figures: &Figures) {
        if self.end() == Line::Over {
            tracing::info!("messages get through again");
        }
        for (cause, _) in CAUSES {
            figures.trouble(cause, false);
        }
    }

    fn note(&self, kind: FailureKind) -> Line {
        let (index, line) = match kind {
            FailureKind::Away => (0, Line::Away),
            FailureKind::Setup => (1, Line::Setup),
            FailureKind::Refused | FailureKind::Waits | FailureKind::Unknown => {
                return Line::Nothing;
            }
        };
        let now = Instant::now();
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut states[index];
        let quiet = state.told_at.is_some_and(|told_at| now < told_at + QUIET);
        if state.told || quiet {
            return Line::Nothing;
        }
        *state = State { told_at: Some(now), told: true };
        line
    }

    fn end(&self) -> Line {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = states.iter().any(|state| state.told);
        for state in states.iter_mut() {
            state.told = false;
        }
        if told { Line::Over } else { Line::Nothing }
    }
}

/// The causes of troubles, as metrics have them.
const CAUSES: [(&str, FailureKind); 2] =
    [("away", FailureKind::Away), ("setup", FailureKind::Setup)];

fn cause(kind: FailureKind) -> Option<&'static str> {
    CAUSES.into_iter().find(|(_, of)| *of == kind).map(|(cause, _)| cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trouble_and_its_end_are_told_once() {
        let trouble = Trouble::default();
        assert_eq!(trouble.end(), Line::Nothing);
        for kind in [FailureKind::Refused, FailureKind::Waits, FailureKind::Unknown] {
            assert_eq!(trouble.note(kind), Line::Nothing);
        }
        assert_eq!(trouble.note(FailureKind::Away), Line::Away);
        for _ in 0..5000 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(trouble.note(FailureKind::Away), Line::Nothing);
        }
        assert_eq!(trouble.note(FailureKind::Setup), Line::Setup);
        assert_eq!(trouble.end(), Line::Over);
        assert_eq!(trouble.end(), Line::Nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_told_every_ten_minutes_at_the_most() {
        let trouble = Trouble::default();
        let mut lines = 0;
        for _ in 0..3600 {
            tokio::time::advance(Duration::from_secs(1)).await;
            lines += usize::from(trouble.note(FailureKind::Setup) != Line::Nothing);
            lines += usize::from(trouble.end() != Line::Nothing);
        }
        assert_eq!(lines, 12, "six beginnings and six ends in an hour");
        // And one that stays is told as soon as it may be.
        assert_eq!(trouble.note(FailureKind::Setup), Line::Nothing);
        tokio::time::advance(QUIET).await;
        assert_eq!(trouble.note(FailureKind::Setup), Line::Setup);
    }
}
