//! Logins from devices that the account does not know (ADR 54).

use std::time::Duration;

use super::{Connection, outbox, throttles};
use crate::{
    domain::{CLOCK_SKEW, NEW_DEVICES_A_DAY, Session, Timestamp},
    store::{Admission, BoundedNotice, Result, UnknownDevice},
};

/// In which the notices of an account are counted.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Notes the login of the user $1 at $2, and counts it. The count begins anew where it began before $3, or after $4: a clock that was
/// ahead began it. No login before this one: the count is 0, and nobody is told of what every account begins with.
const COUNT: &str = "UPDATE users SET last_login_at = $2, \
     new_devices = CASE WHEN last_login_at IS NULL THEN 0 \
     WHEN new_devices_since > $3 AND new_devices_since <= $4 THEN new_devices + 1 ELSE 1 END, \
     new_devices_since = CASE WHEN new_devices_since > $3 AND new_devices_since <= $4 THEN new_devices_since ELSE $2 END \
     WHERE id = $1 RETURNING new_devices";

/// Notes a login that showed no known device. Sends the notice of it, up to some in a day. Returns whether the account has had a
/// login before. The user's row is locked: of concurrent logins each counts.
///
/// The count is in the row that every login writes: those that are not told of cost no statement more.
pub(super) async fn note(
    connection: &mut Connection,
    session: &Session,
    device: &UnknownDevice,
) -> Result<bool> {
    let now = session.created_at;
    let count: Option<i64> = sqlx::query_scalar(COUNT)
        .bind(session.user_id)
        .bind(now)
        .bind(now.minus(DAY))
        .bind(now.plus(CLOCK_SKEW))
        .fetch_optional(&mut *connection)
        .await?;
    let count = count.unwrap_or(0);
    if let Some(notice) = &device.notice
        && (1..=NEW_DEVICES_A_DAY).contains(&count)
    {
        send(connection, notice, now).await?;
    }
    Ok(count > 0)
}

/// Adds a message, if its budgets have room for it.
pub(super) async fn send(
    connection: &mut Connection,
    notice: &BoundedNotice,
    now: Timestamp,
) -> Result<()> {
    match throttles::charge(connection, &notice.charges, now).await? {
        Admission::Charged(_) => {
            outbox::put(connection, std::slice::from_ref(&notice.message)).await
        }
        Admission::Refused { .. } => Ok(()),
    }
}
