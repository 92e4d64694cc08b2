//! After a database was restored: what was spent, answered or ended since the back-up was made must not count again.
//!
//! A refresh token that was used since would rotate once more, in the hands of whoever kept it; so would a recovery code or a
//! code of an app log in, and a session that was revoked would live. Nothing in an older database tells which of them were. So
//! all of them end: sessions (with a revocation, for those who verify tokens on their own), challenges, codes that were
//! mailed, steps of apps up to now, enrolments, and recovery codes. What stays is what only its owner can repeat: passwords
//! and apps, as they were then.

use uuid::Uuid;

use super::disable_user::revoking;
use crate::{
    domain::{Context, last_step_at},
    service::Clock,
    store::{Restoration, Result, Store},
};

/// How many users are dealt with at a time, so that a running server gets its turn.
const BATCH: u32 = 500;

/// Ends what an older state has revived. Whoever is stopped midway begins again.
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
    let restoration = Restoration { at, spent_step, keep_recovery_codes };
    store.restored_begin(restoration).await?;
    let mut last = Uuid::nil();
    while let Some(next) = store.restored_end(last, restoration, BATCH).await? {
        last = next;
    }
    Ok(())
}
