//! The spans of a hash in the trace of its call: the wait in the queue, and the hashing. Both are the same for every account,
//! whether it exists or not.

use std::time::Instant;

use super::job::{Done, Error};
use crate::trace::{Kind, current};

/// Records a job that was submitted then.
pub(super) fn record(since: Instant, done: &Result<Done, Error>) {
    let Some(call) = current() else { return };
    let wait = ("password queue".into(), Kind::Internal);
    match done {
        Ok(Done { begun, ended, .. }) => {
            call.part(wait, (since, *begun), Vec::new(), false);
            let hash = ("password hash".into(), Kind::Internal);
            call.part(hash, (*begun, *ended), Vec::new(), false);
        }
        Err(error) => {
            let why = match error {
                Error::Overloaded { .. } => "overloaded",
                Error::Broken => "broken",
            };
            call.part(wait, (since, Instant::now()), vec![("error.type", why.into())], true);
        }
    }
}
