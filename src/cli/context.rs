//! The context of a command.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::domain::Context;

/// The operator, who waits at the terminal without a deadline in practice.
pub(super) fn of_operator() -> Context {
    Context::of_operator(Instant::now() + Duration::from_secs(3600), Uuid::now_v7().into())
}
