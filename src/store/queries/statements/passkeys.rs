//! Passkeys. Every change of which a user has some locks the user's row first, as logins by them do.

use uuid::Uuid;

use super::{
    Connection, challenges, events, guard, outbox, retries, used_assertions,
    users::{UserRow, user_columns},
};
use crate::{
    domain::{EventKind, Passkey, Timestamp},
    store::{
        Credentials, Error, FactorChange, NewPasskey, PasskeyAdded, PasskeyDeleted, Result,
        SealedMessage,
    },
};

/// The columns of a [`PasskeyRow`].
macro_rules! passkey_columns {
    () => {
        "passkeys.id AS passkey_id, passkeys.user_id, users.passkey_handle, passkeys.credential_id, passkeys.public_key, \
         passkeys.sign_count, passkeys.backup_eligible, passkeys.backed_up, passkeys.transports, passkeys.aaguid, \
         passkeys.name, passkeys.created_at AS added_at, passkeys.last_used_at"
    };
}

const OF_USER: &str = concat!(
    "SELECT ",
    passkey_columns!(),
    " FROM passkeys JOIN users ON users.id = passkeys.user_id WHERE passkeys.user_id = $1 \
     ORDER BY passkeys.created_at DESC, passkeys.id DESC"
);

const BY_CREDENTIAL: &str = concat!(
    "SELECT ",
    passkey_columns!(),
    ", ",
    user_columns!(),
    " FROM passkeys JOIN users ON users.id = passkeys.user_id \
     WHERE passkeys.credential_id = $1 AND users.deleted_at IS NULL"
);

pub(in crate::store) async fn handle(
    connection: &mut Connection,
    change: &FactorChange,
    drawn: &[u8; 64],
) -> Result<Option<[u8; 64]>> {
    if guard::take(connection, change).await?.is_none() {
        return Ok(None);
    }
    let handle: Vec<u8> = sqlx::query_scalar(
        "UPDATE users SET passkey_handle = COALESCE(passkey_handle, $2) WHERE id = $1 RETURNING passkey_handle",
    )
    .bind(change.user_id)
    .bind(drawn.as_slice())
    .fetch_one(connection)
    .await?;
    handle_of(handle).map(Some)
}

pub(in crate::store) async fn add(
    connection: &mut Connection,
    new: &NewPasskey,
    message: &SealedMessage,
) -> Result<PasskeyAdded> {
    let NewPasskey { passkey, change, used, most } = new;
    if guard::take(connection, change).await?.is_none()
        || !used_assertions::put(connection, used).await?
    {
        return Ok(PasskeyAdded::Refused);
    }
    if count(connection, change.user_id).await? >= *most {
        return Ok(PasskeyAdded::TooMany);
    }
    if !insert(connection, passkey).await? {
        return Ok(PasskeyAdded::Taken);
    }
    retries::note(connection, change.carried_out.as_ref()).await?;
    end_what_waits(connection, change).await?;
    events::put(connection, &[change.event(EventKind::PasskeyAdded)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(PasskeyAdded::Done)
}

async fn count(connection: &mut Connection, user_id: Uuid) -> Result<usize> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM passkeys WHERE user_id = $1")
        .bind(user_id)
        .fetch_one(connection)
        .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Of concurrent callers with one credential one inserts it (race).
async fn insert(connection: &mut Connection, passkey: &Passkey) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, backup_eligible, backed_up, \
         transports, aaguid, name, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (credential_id) DO NOTHING RETURNING id",
    )
    .bind(passkey.id)
    .bind(passkey.user_id)
    .bind(&passkey.credential_id)
    .bind(&passkey.public_key)
    .bind(i64::from(passkey.sign_count))
    .bind(passkey.backup_eligible)
    .bind(passkey.backed_up)
    .bind(passkey.transports.join(" "))
    .bind(passkey.aaguid)
    .bind(&passkey.name)
    .bind(passkey.created_at)
    .fetch_optional(connection)
    .await?;
    Ok(inserted.is_some())
}

pub(in crate::store) async fn of(
    connection: &mut Connection,
    user_id: Uuid,
) -> Result<Vec<Passkey>> {
    let rows: Vec<PasskeyRow> = sqlx::query_as(OF_USER).bind(user_id).fetch_all(connection).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub(in crate::store) async fn find(
    connection: &mut Connection,
    credential_id: &[u8],
) -> Result<Option<(Passkey, Credentials)>> {
    let row: Option<FoundRow> =
        sqlx::query_as(BY_CREDENTIAL).bind(credential_id).fetch_optional(connection).await?;
    row.map(|row| Ok((row.passkey.try_into()?, row.user.try_into()?))).transpose()
}

pub(in crate::store) async fn rename(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    name: &str,
) -> Result<bool> {
    let renamed = sqlx::query("UPDATE passkeys SET name = $3 WHERE id = $1 AND user_id = $2")
        .bind(id)
        .bind(user_id)
        .bind(name)
        .execute(connection)
        .await?;
    Ok(renamed.rows_affected() > 0)
}

pub(in crate::store) async fn delete(
    connection: &mut Connection,
    change: &FactorChange,
    id: Uuid,
    message: &SealedMessage,
) -> Result<PasskeyDeleted> {
    if guard::take(connection, change).await?.is_none() {
        return Ok(PasskeyDeleted::Refused);
    }
    let deleted = sqlx::query("DELETE FROM passkeys WHERE id = $1 AND user_id = $2")
        .bind(id)
        .bind(change.user_id)
        .execute(&mut *connection)
        .await?;
    if deleted.rows_affected() == 0 {
        return Ok(PasskeyDeleted::NotFound);
    }
    retries::note(connection, change.carried_out.as_ref()).await?;
    end_what_waits(connection, change).await?;
    events::put(connection, &[change.event(EventKind::PasskeyDeleted)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(PasskeyDeleted::Done)
}

/// A change of the factors as any: logins that wait for one end, and so does the trust of devices (ADR 54).
async fn end_what_waits(connection: &mut Connection, change: &FactorChange) -> Result<()> {
    challenges::end_all(connection, change.user_id, change.now).await
}

/// Removes all passkeys of a user. Returns whether there were any.
pub(super) async fn forget(connection: &mut Connection, user_id: Uuid) -> Result<bool> {
    let deleted = sqlx::query("DELETE FROM passkeys WHERE user_id = $1").bind(user_id);
    Ok(deleted.execute(connection).await?.rows_affected() > 0)
}

/// Deletes the passkeys of a user whose address was never verified, before it is: whoever registered with somebody else's address
/// may have added them, to keep a way in once the owner has taken the account over (account pre-hijacking).
pub(super) async fn forget_unproven(connection: &mut Connection, user_id: Uuid) -> Result<()> {
    sqlx::query(
        "DELETE FROM passkeys WHERE user_id = (SELECT id FROM users WHERE id = $1 AND NOT email_verified)",
    )
    .bind(user_id)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct PasskeyRow {
    passkey_id: Uuid,
    user_id: Uuid,
    passkey_handle: Vec<u8>,
    credential_id: Vec<u8>,
    public_key: Vec<u8>,
    sign_count: i64,
    backup_eligible: bool,
    backed_up: bool,
    transports: String,
    aaguid: Uuid,
    name: String,
    added_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

/// A passkey with its user: their columns have other names.
#[derive(sqlx::FromRow)]
struct FoundRow {
    #[sqlx(flatten)]
    passkey: PasskeyRow,
    #[sqlx(flatten)]
    user: UserRow,
}

impl TryFrom<PasskeyRow> for Passkey {
    type Error = Error;

    fn try_from(row: PasskeyRow) -> Result<Self> {
        let sign_count = u32::try_from(row.sign_count);
        Ok(Self {
            id: row.passkey_id,
            user_id: row.user_id,
            user_handle: handle_of(row.passkey_handle)?,
            credential_id: row.credential_id,
            public_key: row.public_key,
            sign_count: sign_count.map_err(|_range| Error::Corrupt("passkeys.sign_count"))?,
            backup_eligible: row.backup_eligible,
            backed_up: row.backed_up,
            transports: row.transports.split_whitespace().map(str::to_owned).collect(),
            aaguid: row.aaguid,
            name: row.name,
            created_at: row.added_at,
            last_used_at: row.last_used_at,
        })
    }
}

fn handle_of(column: Vec<u8>) -> Result<[u8; 64]> {
    column.try_into().map_err(|_length| Error::Corrupt("users.passkey_handle"))
}
