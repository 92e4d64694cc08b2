//! Classes of delivery failures, and their meaning for the message and for the others.

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// A delivery failure. The text holds no code, no person's address and no secret of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class of the failure.
    pub kind: FailureKind,
    /// The reason, for the log.
    pub why: String,
    /// The least time to wait, where that is known.
    pub retry_after: Option<Duration>,
}

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Permanent: this message is never accepted.
    Refused,
    /// Transient, for this message only: it says nothing about the others.
    Waits,
    /// Transient, for all messages: the other side is unavailable.
    Away,
    /// A configuration error on either side: nothing gets through until an operator mends it. All messages are kept.
    Setup,
    /// Ambiguous: the other side may have accepted the message, so a retry may duplicate it.
    Unknown,
}

impl FailureKind {
    /// Its name in metrics and traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Waits => "recipient",
            Self::Away => "away",
            Self::Setup => "setup",
            Self::Unknown => "unknown",
        }
    }
}

impl Failure {
    /// A failure that asks for no pause.
    pub fn new(kind: FailureKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), retry_after: None }
    }

    /// A failure whose cause is an error of a library: the other side is unavailable.
    pub fn of(context: &str, error: &(dyn Error + 'static)) -> Self {
        Self::new(FailureKind::Away, reason(context, error))
    }

    /// The same failure, which asks for a pause.
    #[must_use]
    pub fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }
}

/// Progress of a message, for callers who may want to cancel it.
#[derive(Debug, Default)]
pub struct Progress(AtomicBool);

impl Progress {
    /// Marks the message as handed over: the other side may accept it, even if the connection breaks.
    pub(super) fn hand_over(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the other side may have accepted the message.
    pub fn is_handed_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// An error with its sources on one line, without repetitions: libraries tend to repeat the cause in their own text.
pub(super) fn reason(context: &str, error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.fold(context.to_owned(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn no_cause_is_told_twice() {
        let layer = |text, source| Layer { text, source };
        let inner = layer("refused", None);
        let error = layer("network error: refused", Some(Box::new(inner)));
        assert_eq!(reason("no answer", &error), "no answer: network error: refused");
        let error = layer("network error", Some(Box::new(layer("refused", None))));
        assert_eq!(reason("no answer", &error), "no answer: network error: refused");
    }
}
