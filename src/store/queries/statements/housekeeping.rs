//! Leases and garbage collection.

use super::Connection;
use crate::{
    domain::{CLOCK_SKEW, Timestamp},
    store::{Ended, Lease, LeaseTaken, Result},
};

/// A compare-and-set: of two concurrent callers, one takes the lease (race).
pub(in crate::store) async fn take(
    connection: &mut Connection,
    lease: &Lease,
) -> Result<LeaseTaken> {
    if renew(connection, lease).await? || take_free(connection, lease).await? {
        return Ok(LeaseTaken::Yes);
    }
    Ok(if take_over(connection, lease).await? { LeaseTaken::LongOver } else { LeaseTaken::No })
}

async fn renew(connection: &mut Connection, lease: &Lease) -> Result<bool> {
    let renewed = sqlx::query("UPDATE leases SET expires_at = $3 WHERE name = $1 AND holder = $2")
        .bind(lease.name)
        .bind(lease.holder)
        .bind(lease.expires_at)
        .execute(connection)
        .await?;
    Ok(renewed.rows_affected() > 0)
}

/// A lease that ends later than one taken now came from a clock that was ahead: do not wait for its end.
async fn take_free(connection: &mut Connection, lease: &Lease) -> Result<bool> {
    let taken = sqlx::query(
        "INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
         SET holder = excluded.holder, expires_at = excluded.expires_at \
         WHERE (leases.expires_at <= $4 AND leases.expires_at > $5) OR leases.expires_at > $6 \
         RETURNING name",
    )
    .bind(lease.name)
    .bind(lease.holder)
    .bind(lease.expires_at)
    .bind(lease.now)
    .bind(lease.now.minus(CLOCK_SKEW))
    .bind(lease.expires_at.plus(CLOCK_SKEW))
    .fetch_optional(connection)
    .await?;
    Ok(taken.is_some())
}

async fn take_over(connection: &mut Connection, lease: &Lease) -> Result<bool> {
    let over =
        "UPDATE leases SET holder = $2, expires_at = $3 WHERE name = $1 AND expires_at <= $4";
    let taken = sqlx::query(over)
        .bind(lease.name)
        .bind(lease.holder)
        .bind(lease.expires_at)
        .bind(lease.now.minus(CLOCK_SKEW))
        .execute(connection)
        .await?;
    Ok(taken.rows_affected() > 0)
}

pub(in crate::store) async fn remove(
    connection: &mut Connection,
    ended: Ended,
    before: Timestamp,
    most: u32,
) -> Result<u64> {
    let removed = sqlx::query(removal(ended)).bind(before).bind(i64::from(most));
    Ok(removed.execute(connection).await?.rows_affected())
}

/// Removes rows of a table, by their key, whose end is a column of theirs. Some can come back to life: the outer condition is evaluated
/// again if a rival held the row.
macro_rules! ended {
    ($table:literal, $key:literal, $end:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $end,
            " < $1 AND ",
            $key,
            " IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $end,
            " < $1 LIMIT $2)"
        )
    };
}

/// The statement that removes such rows: $2 at the most that ended before $1.
const fn removal(ended: Ended) -> &'static str {
    match ended {
        Ended::Challenges => ended!("challenges", "id", "expires_at"),
        Ended::MailboxCodes => ended!("mailbox_codes", "id", "expires_at"),
        Ended::PendingUsers => ended!("pending_users", "id", "expires_at"),
        Ended::EmailChanges => ended!("email_changes", "id", "expires_at"),
        Ended::TrustedDevices => ended!("trusted_devices", "id", "expires_at"),
        Ended::Enrollments => {
            "DELETE FROM totp_factors WHERE id IN (SELECT id FROM totp_factors \
             WHERE confirmed_at IS NULL AND expires_at < $1 LIMIT $2)"
        }
        Ended::Sessions => {
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
             WHERE expires_at < $1 OR idle_expires_at < $1 OR revoked_at < $1 LIMIT $2)"
        }
        Ended::DeletedSessions => {
            "DELETE FROM sessions WHERE id IN (SELECT sessions.id FROM users \
             JOIN sessions ON sessions.user_id = users.id WHERE users.deleted_at < $1 LIMIT $2)"
        }
        Ended::DeletedChallenges => {
            "DELETE FROM challenges WHERE id IN (SELECT challenges.id FROM users \
             JOIN challenges ON challenges.user_id = users.id WHERE users.deleted_at < $1 LIMIT $2)"
        }
        Ended::DeletedApps => {
            "DELETE FROM totp_factors WHERE id IN (SELECT totp_factors.id FROM users \
             JOIN totp_factors ON totp_factors.user_id = users.id WHERE users.deleted_at < $1 LIMIT $2)"
        }
        Ended::DeletedRecoveryCodes => {
            "DELETE FROM recovery_codes WHERE (user_id, code_mac) IN \
             (SELECT recovery_codes.user_id, recovery_codes.code_mac FROM users \
             JOIN recovery_codes ON recovery_codes.user_id = users.id WHERE users.deleted_at < $1 LIMIT $2)"
        }
        // Last: the row's foreign keys would cascade to all that is left, however many rows.
        Ended::DeletedUsers => {
            "DELETE FROM users WHERE id IN (SELECT id FROM users WHERE deleted_at < $1 \
             AND NOT EXISTS (SELECT 1 FROM sessions WHERE user_id = users.id) \
             AND NOT EXISTS (SELECT 1 FROM challenges WHERE user_id = users.id) \
             AND NOT EXISTS (SELECT 1 FROM totp_factors WHERE user_id = users.id) \
             AND NOT EXISTS (SELECT 1 FROM recovery_codes WHERE user_id = users.id) \
             AND NOT EXISTS (SELECT 1 FROM mailbox_codes WHERE user_id = users.id) LIMIT $2)"
        }
        Ended::Revocations => ended!("revocations", "seq", "expires_at"),
        Ended::Assertions => ended!("used_assertions", "digest", "expires_at"),
        Ended::AdminRequests => ended!("admin_requests", "id", "expires_at"),
        Ended::CarriedOut => ended!("carried_out", "key", "expires_at"),
        Ended::ServiceKeys => ended!("service_keys", "id", "expires_at"),
        Ended::Events => {
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < $1 LIMIT $2)"
        }
        Ended::Throttles => ended!("throttles", "key", "expires_at"),
    }
}
