//! The guard of every account change: authorises it, and holds the user's row lock until it commits, so that the answer still
//! holds then (no time-of-check to time-of-use race).

use uuid::Uuid;

use super::{Connection, sessions};
use crate::{
    domain::Timestamp,
    store::{FactorChange, LiveSession, Result},
};

/// The first step of every account change by its owner or an operator: locks the user's row until the transaction ends, if
/// the credential version is the checked one and, where a session asks, that session may still ask. Returns whether the
/// second factor is on.
pub(super) async fn take(
    connection: &mut Connection,
    change: &FactorChange,
) -> Result<Option<bool>> {
    let (user_id, version) = (change.user_id, change.credential_version);
    let Some(is_2fa_enabled) = hold(connection, user_id, version).await? else { return Ok(None) };
    // Only with the row locked: a Postgres statement that waited for it has seen the sessions as they were before.
    let may_ask = match change.session_id {
        Some(session_id) => may_ask(connection, session_id, user_id, change.now).await?,
        None => true,
    };
    Ok(may_ask.then_some(is_2fa_enabled))
}

/// Locks a user's row until the transaction ends, if the credentials are of that version. Returns whether the second factor
/// is on. The update changes nothing: it is a row lock in both databases.
pub(super) async fn hold(
    connection: &mut Connection,
    user_id: Uuid,
    credential_version: i64,
) -> Result<Option<bool>> {
    Ok(sqlx::query_scalar(
        "UPDATE users SET credential_version = credential_version \
         WHERE id = $1 AND credential_version = $2 RETURNING is_2fa_enabled",
    )
    .bind(user_id)
    .bind(credential_version)
    .fetch_optional(connection)
    .await?)
}

/// Whether a session of that user may change the account now: it is live, the account is enabled, and it has used the
/// second factor if that is on. The caller holds the user's row lock, so that this holds until the change commits.
async fn may_ask(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    now: Timestamp,
) -> Result<bool> {
    let Some(found) = sessions::find_live(connection, id, now).await? else { return Ok(false) };
    let live = LiveSession::try_from(found)?;
    Ok(live.session.user_id == user_id && live.may_change_the_account())
}
