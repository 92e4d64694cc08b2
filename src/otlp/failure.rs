//! Why a batch was not accepted, and whether it may be sent again.

use std::{error::Error, time::Duration};

use crate::telemetry::chain;

/// Why a batch was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) why: String,
    /// Whether it may be sent again, and how long the collector asks to wait until then, which may be any length.
    pub(super) again: Option<Duration>,
}

impl Failure {
    /// Sending it again would change nothing.
    pub(super) fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: None }
    }

    /// It may work later.
    pub(super) fn passing(why: impl Into<String>, asked: Option<Duration>) -> Self {
        Self { why: why.into(), again: Some(asked.unwrap_or_default()) }
    }

    /// There was no answer.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        Self::passing(chain(error).to_string(), None)
    }
}
