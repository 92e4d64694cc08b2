//! Clean-up after a restore from a back-up: anything spent or revoked since would count again.

use uuid::Uuid;

use super::{Connection, events, revocations, service_accounts, used_assertions};
use crate::{
    domain::{Event, EventKind, Revocation, Revoked},
    store::{Priority, Restoration, Result},
};

/// The last of the next $2 users after $1, in the order of their ids.
const LAST: &str = "SELECT id FROM users WHERE id IN (SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2) \
    ORDER BY id DESC LIMIT 1";

/// Revokes the sessions and challenges of the users after $1 up to $2. The epoch becomes $3 (a time), beyond all that
/// verifiers have seen: epochs of before the restore would otherwise be reused, and refused.
const END_EPOCHS: &str = "UPDATE users SET session_epoch = CASE WHEN session_epoch < $3 THEN $3 ELSE session_epoch + 1 END, \
    factor_version = factor_version + 1 WHERE id > $1 AND id <= $2 AND deleted_at IS NULL RETURNING id, session_epoch";

/// Consumes all steps of apps up to $3: their codes may have been used (replay).
const SPEND_STEPS: &str = "UPDATE totp_factors SET last_step = $3 \
    WHERE user_id > $1 AND user_id <= $2 AND last_step < $3 AND confirmed_at IS NOT NULL";

const END_ENROLLMENTS: &str =
    "DELETE FROM totp_factors WHERE user_id > $1 AND user_id <= $2 AND confirmed_at IS NULL";

/// A code that was used would undo a change once more.
const END_UNDO_CODES: &str = "DELETE FROM email_changes WHERE user_id > $1 AND user_id <= $2";

const END_RECOVERY_CODES: &str = "DELETE FROM recovery_codes WHERE user_id > $1 AND user_id <= $2";

/// One that was undone since is pending again. Without another date the janitor would delete the account before anybody could say so.
const PUT_OFF_DELETIONS: &str =
    "UPDATE users SET deletion_due_at = $1 WHERE deletion_due_at < $1 AND disabled_at IS NOT NULL";

/// The first step, and the part that has no user or few: numbers of revocations and events continue from a time, in microseconds,
/// beyond every subscriber's cursor, so that none misses any.
pub(in crate::store) async fn begin(
    connection: &mut Connection,
    restoration: &Restoration,
) -> Result<()> {
    let now = restoration.at.now;
    sqlx::query("UPDATE mailbox_codes SET consumed_at = $1 WHERE consumed_at IS NULL")
        .bind(now)
        .execute(&mut *connection)
        .await?;
    // These codes have just ended. Notices and events stay: a duplicate is better than none (at-least-once).
    sqlx::query("DELETE FROM outbox WHERE priority BETWEEN 0 AND $1")
        .bind(Priority::Code as i16)
        .execute(&mut *connection)
        .await?;
    let (kind, at) = (EventKind::DatabaseRestored, &restoration.at);
    let event = Event::of(kind, None, None, at.actor.clone(), at.address, now);
    events::put(connection, &[event]).await?;
    sqlx::query("UPDATE revocation_head SET seq = $1 WHERE id = 1 AND seq < $1")
        .bind(now.unix_micros())
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE event_head SET seq = $1 WHERE id = 1 AND seq < $1")
        .bind(now.unix_micros())
        .execute(&mut *connection)
        .await?;
    let put_off = sqlx::query(PUT_OFF_DELETIONS).bind(restoration.deletions_wait_until);
    put_off.execute(&mut *connection).await?;
    used_assertions::end(connection, now).await?;
    // Last: it numbers revocations.
    service_accounts::end_all_tokens(connection, at).await
}

/// Ends sessions and the like of the next `most` users after `after`; returns the last of them, if there was one.
pub(in crate::store) async fn end(
    connection: &mut Connection,
    after: Uuid,
    restoration: &Restoration,
    most: u32,
) -> Result<Option<Uuid>> {
    let last = sqlx::query_scalar(LAST).bind(after).bind(i64::from(most));
    let Some(last): Option<Uuid> = last.fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    let at = &restoration.at;
    let ended: Vec<(Uuid, i64)> = sqlx::query_as(END_EPOCHS)
        .bind(after)
        .bind(last)
        .bind(at.now.unix_seconds())
        .fetch_all(&mut *connection)
        .await?;
    let spend = sqlx::query(SPEND_STEPS).bind(after).bind(last).bind(restoration.spent_step);
    spend.execute(&mut *connection).await?;
    sqlx::query(END_ENROLLMENTS).bind(after).bind(last).execute(&mut *connection).await?;
    if !restoration.keep_recovery_codes {
        sqlx::query(END_RECOVERY_CODES).bind(after).bind(last).execute(&mut *connection).await?;
        sqlx::query(END_UNDO_CODES).bind(after).bind(last).execute(&mut *connection).await?;
    }
    let revocations: Vec<_> = ended
        .into_iter()
        .map(|(user_id, epoch)| Revocation {
            subject: Revoked::Earlier { user_id, epoch, kept: None },
            not_before: at.now,
            expires_at: at.tokens_expire_at,
        })
        .collect();
    revocations::append(connection, &revocations).await?;
    Ok(Some(last))
}
