//! After a database was restored: tokens and codes that were spent or revoked since the back-up must not be valid again
//! (replay).
//!
//! A refresh token that was used since would rotate once more for a thief who kept it; a recovery code or a code of an
//! app would log in again, and a revoked session would live. An older database does not tell which ones were. So all of
//! them end: sessions (with a revocation, for services that verify tokens on their own), challenges, mailed codes,
//! steps of apps up to now, enrolments, and recovery codes. Passwords and apps stay as they were then: only their owner
//! can repeat them. A deletion that was pending then may have been undone since: it waits some days.

use std::time::Duration;

use uuid::Uuid;

use super::disable_user::revoking;
use crate::{
    domain::{Context, last_step_at},
    service::Clock,
    store::{Restoration, Result, Store},
};

/// How long nothing is deleted of what was pending in the back-up. Whoever has undone a deletion since finds that no login succeeds, and
/// has the mailed code, or an operator, for so long.
const DELETIONS_WAIT: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Users in one batch, so that a running server can write in between.
const BATCH: u32 = 500;

/// Ends sessions, challenges and codes that an older state has revived. Idempotent: an interrupted run is started
/// again.
///
/// # Errors
/// The store's.
pub async fn end_what_was_revived(
    context: &Context,
    store: &dyn Store,
    clock: &Clock,
    keep_recovery_codes: bool,
) -> Result<()> {
    let at = revoking(context, clock);
    let spent_step = last_step_at(at.now);
    let deletions_wait_until = at.now.plus(DELETIONS_WAIT);
    let restoration = Restoration { at, spent_step, deletions_wait_until, keep_recovery_codes };
    store.restored_begin(restoration.clone()).await?;
    let mut last = Uuid::nil();
    while let Some(next) = store.restored_end(last, restoration.clone(), BATCH).await? {
        last = next;
    }
    Ok(())
}
