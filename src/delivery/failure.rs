//! Why a message was not delivered, and what that means for it and for the others.

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Why a message was not delivered. The text holds no code, no address of a person and no secret of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it means.
    pub kind: FailureKind,
    /// Why, for the log.
    pub why: String,
    /// How long to wait at least, where that is known.
    pub retry_after: Option<Duration>,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// This message is never accepted.
    Refused,
    /// This message is not accepted now; that says nothing about the others.
    Waits,
    /// Nothing gets through at present.
    Away,
    /// Nothing gets through until an operator changes something, here or on the other side. All messages are kept.
    Setup,
    /// The other side may have accepted it: whoever sends it again may send it twice.
    Unknown,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), retry_after: None }
    }

    pub(super) fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }
}

/// How far a message has come, for whoever may want to stop it.
#[derive(Debug, Default)]
pub struct Progress(AtomicBool);

impl Progress {
    /// From now on the other side may accept it, whatever becomes of the connection.
    pub(super) fn hand_over(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the other side may have accepted it.
    pub fn is_handed_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// An error with all that caused it, on one line and nothing twice: libraries tend to repeat the cause in their own text.
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
