//! Trusted devices. An account has a few rows at the most, and none once it is deleted. No change of the account touches them:
//! versions in the user's row decide which of them count (ADR 21).

use uuid::Uuid;

use super::{Connection, events, outbox, sessions, trust_row::trust_counts};
use crate::{
    domain::{EventKind, MOST_TRUSTED_DEVICES, Session, Timestamp, TrustedDevice},
    store::{FactorChange, NewTrust, Result, Revoking, TrustWindow},
};

const FIND: &str = concat!(
    "SELECT trusted_devices.id FROM trusted_devices JOIN users ON users.id = trusted_devices.user_id \
     WHERE users.id = $1 AND trusted_devices.device_id = $5 AND ",
    trust_counts!(now: "$2", after: "$3", by: "$4"),
);

const LIST: &str = concat!(
    "SELECT trusted_devices.id, device_name, address, trusted_devices.created_at, trusted_devices.expires_at \
     FROM trusted_devices JOIN users ON users.id = trusted_devices.user_id WHERE users.id = $1 AND ",
    trust_counts!(now: "$2", after: "$3", by: "$4"),
    " ORDER BY trusted_devices.created_at DESC, trusted_devices.id DESC LIMIT $5"
);

/// The versions are the user's of this moment: their row is locked. A device that was trusted before is so anew.
const PUT: &str = "INSERT INTO trusted_devices (id, user_id, device_id, credential_version, factor_version, session_epoch, \
     device_name, address, created_at, expires_at) \
     SELECT $1, id, $3, credential_version, factor_version, session_epoch, $4, $5, $6, $7 FROM users WHERE id = $2 \
     ON CONFLICT (user_id, device_id) DO UPDATE SET id = excluded.id, \
     credential_version = excluded.credential_version, factor_version = excluded.factor_version, \
     session_epoch = excluded.session_epoch, device_name = excluded.device_name, address = excluded.address, \
     created_at = excluded.created_at, expires_at = excluded.expires_at";

/// Of the user $1 all but the newest: $2, which stays also where the clock that dated it is behind, and $3 others.
const END_OLDEST: &str = "DELETE FROM trusted_devices WHERE user_id = $1 AND id IN \
     (SELECT older.id FROM trusted_devices AS older WHERE older.user_id = $1 AND older.id <> $2 \
     ORDER BY older.created_at DESC, older.id DESC LIMIT 1000 OFFSET $3)";

pub(in crate::store) async fn find(
    connection: &mut Connection,
    user_id: Uuid,
    device_id: Uuid,
    within: TrustWindow,
) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar(FIND)
        .bind(user_id)
        .bind(within.now)
        .bind(within.begun_after)
        .bind(within.begun_by())
        .bind(device_id)
        .fetch_optional(connection)
        .await?)
}

pub(in crate::store) async fn list(
    connection: &mut Connection,
    user_id: Uuid,
    within: TrustWindow,
) -> Result<Vec<TrustedDevice>> {
    let rows: Vec<Row> = sqlx::query_as(LIST)
        .bind(user_id)
        .bind(within.now)
        .bind(within.begun_after)
        .bind(within.begun_by())
        .bind(i64::from(MOST_TRUSTED_DEVICES))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// All rows of a user, also those that no longer count.
pub(super) async fn stored(
    connection: &mut Connection,
    user_id: Uuid,
) -> Result<Vec<TrustedDevice>> {
    let rows = sqlx::query_as(
        "SELECT id, device_name, address, created_at, expires_at FROM trusted_devices WHERE user_id = $1 \
         ORDER BY created_at DESC, id DESC",
    );
    let rows: Vec<Row> = rows.bind(user_id).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The device of a session that has just begun with the second factor is trusted from now on, and its owner is told.
pub(super) async fn put(
    connection: &mut Connection,
    session: &Session,
    change: &FactorChange,
    trust: &NewTrust,
) -> Result<()> {
    sqlx::query(PUT)
        .bind(trust.id)
        .bind(session.user_id)
        .bind(trust.device_id)
        .bind(&session.device_name)
        .bind(session.address.map(|address| address.to_string()))
        .bind(session.created_at)
        .bind(trust.expires_at)
        .execute(&mut *connection)
        .await?;
    sqlx::query(END_OLDEST)
        .bind(session.user_id)
        .bind(trust.id)
        .bind(i64::from(MOST_TRUSTED_DEVICES) - 1)
        .execute(&mut *connection)
        .await?;
    events::put(connection, &[change.event(EventKind::DeviceTrusted)]).await?;
    outbox::put(connection, std::slice::from_ref(&trust.notice)).await
}

/// The user's row is locked: a login that would be spared waits, and then finds no trust.
pub(in crate::store) async fn revoke(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    asking: Uuid,
    at: &Revoking,
) -> Result<bool> {
    if !sessions::asks(connection, asking, user_id, at.now).await? {
        return Ok(false);
    }
    let ended = sqlx::query("DELETE FROM trusted_devices WHERE id = $1 AND user_id = $2")
        .bind(id)
        .bind(user_id)
        .execute(&mut *connection)
        .await?;
    if ended.rows_affected() > 0 {
        let event = at.event(EventKind::TrustedDeviceRevoked, user_id, asking);
        events::put(connection, &[event]).await?;
    }
    Ok(true)
}

/// Removes all of a user's: they say where somebody was.
pub(super) async fn forget(connection: &mut Connection, user_id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM trusted_devices WHERE user_id = $1")
        .bind(user_id)
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    device_name: String,
    address: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl From<Row> for TrustedDevice {
    fn from(row: Row) -> Self {
        let Row { id, device_name, address, created_at, expires_at } = row;
        let address = address.and_then(|text| text.parse().ok());
        Self { id, device_name, address, created_at, expires_at }
    }
}
