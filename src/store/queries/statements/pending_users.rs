//! Pending users: added whoever has the name or the address, and made users by a proof of the mailbox (ADR 56).

use sqlx::Connection as _;
use uuid::Uuid;

use super::{Connection, claims, events, mailbox, registration, revocations, users};
use crate::{
    domain::{Event, EventKind, Revocation, Timestamp, User},
    store::{Completed, Credentials, NewUser, Result, Revoking, Taken},
};

/// The columns of a [`Row`].
macro_rules! columns {
    () => {
        "id, username, email, password_hash, is_2fa_enabled, created_at"
    };
}

/// The pending user $1, who has not expired at $2.
const BY_ID: &str =
    concat!("SELECT ", columns!(), " FROM pending_users WHERE id = $1 AND expires_at > $2");

const BY_REQUEST: &str =
    concat!("SELECT ", columns!(), " FROM pending_users WHERE request_id = $1 AND expires_at > $2");

pub(in crate::store) async fn insert(connection: &mut Connection, new: &NewUser) -> Result<bool> {
    // Who sends a request again after its time registers anew, also where the janitor has not come yet.
    sqlx::query("DELETE FROM pending_users WHERE request_id = $1 AND expires_at <= $2")
        .bind(new.request_id)
        .bind(new.user.created_at)
        .execute(&mut *connection)
        .await?;
    let added: Option<Uuid> = sqlx::query_scalar(
        "INSERT INTO pending_users (id, username, email, password_hash, is_2fa_enabled, request_id, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(new.user.id)
    .bind(&new.user.username)
    .bind(&new.user.email)
    .bind(&new.password_hash)
    .bind(new.user.is_2fa_enabled)
    .bind(new.request_id)
    .bind(new.user.created_at)
    .bind(new.verify_by)
    .fetch_optional(&mut *connection)
    .await?;
    if added.is_none() {
        return Ok(false);
    }
    if let Some(verification) = &new.verification {
        mailbox::insert(connection, verification).await?;
    }
    Ok(true)
}

pub(in crate::store) async fn by_id(
    connection: &mut Connection,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<Credentials>> {
    let row: Option<Row> =
        sqlx::query_as(BY_ID).bind(id).bind(now).fetch_optional(connection).await?;
    Ok(row.map(Into::into))
}

pub(in crate::store) async fn by_request(
    connection: &mut Connection,
    request_id: Uuid,
    now: Timestamp,
) -> Result<Option<Credentials>> {
    let row: Option<Row> =
        sqlx::query_as(BY_REQUEST).bind(request_id).bind(now).fetch_optional(connection).await?;
    Ok(row.map(Into::into))
}

/// In a savepoint: no code is lost where the name is taken, and no user is there without a verified address.
pub(in crate::store) async fn complete(
    connection: &mut Connection,
    code_id: Uuid,
    new: &NewUser,
    at: &Revoking,
) -> Result<Completed> {
    let mut savepoint = connection.begin().await?;
    let refused = match make(&mut savepoint, code_id, new, at).await {
        Ok(Ok(ended)) => {
            savepoint.commit().await?;
            tell(connection, new, at, &ended).await?;
            return Ok(Completed::Done);
        }
        Ok(Err(refused)) => refused,
        // Another pending user of the same address was faster (race).
        Err(error) if error.is_of_a_taken_key() => Completed::Invalid,
        Err(error) => return Err(error),
    };
    savepoint.rollback().await?;
    Ok(refused)
}

/// Makes the user. Returns the revocations of the accounts that claimed the address.
async fn make(
    connection: &mut Connection,
    code_id: Uuid,
    new: &NewUser,
    at: &Revoking,
) -> Result<std::result::Result<Vec<Revocation>, Completed>> {
    // The row lock lets one of several callers through (race).
    let taken: Option<Option<Uuid>> = sqlx::query_scalar(
        "DELETE FROM pending_users WHERE id = $1 AND expires_at > $2 RETURNING request_id",
    )
    .bind(new.user.id)
    .bind(at.now)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(request_id) = taken else { return Ok(Err(Completed::Invalid)) };
    if !mailbox::consume(connection, code_id, at.now).await? {
        return Ok(Err(Completed::Invalid));
    }
    let new = NewUser { request_id, ..new.clone() };
    if !registration::add(connection, &new).await? {
        return why_not(connection, &new).await.map(Err);
    }
    let ended = claims::prove(connection, new.user.id, at, claims::Prover::Mailbox).await?;
    Ok(ended.ok_or(Completed::Invalid))
}

/// Why the user can't be added. Who hears it has shown that the address is theirs.
async fn why_not(connection: &mut Connection, new: &NewUser) -> Result<Completed> {
    let taken = users::taken(connection, &new.username_key, &new.email_key, None).await?;
    Ok(match taken {
        Some(Taken::Username) => Completed::UsernameTaken,
        Some(Taken::RequestId(_) | Taken::Email { .. }) | None => Completed::Invalid,
    })
}

/// The events, and last of all the revocations: their row lock serialises all of them.
async fn tell(
    connection: &mut Connection,
    new: &NewUser,
    at: &Revoking,
    ended: &[Revocation],
) -> Result<()> {
    let event =
        |kind| Event::of(kind, Some(new.user.id), None, at.actor.clone(), at.address, at.now);
    let told = [event(EventKind::Registered), event(EventKind::EmailVerified)];
    events::put(connection, &told).await?;
    revocations::append(connection, ended).await
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    username: String,
    email: String,
    password_hash: String,
    is_2fa_enabled: bool,
    created_at: Timestamp,
}

impl From<Row> for Credentials {
    fn from(row: Row) -> Self {
        let user = User::new(row.id, row.username, row.email, row.created_at);
        Self {
            user: User { is_2fa_enabled: row.is_2fa_enabled, ..user },
            password_hash: row.password_hash,
            credential_version: Self::FIRST_VERSION,
            is_distrusted: false,
        }
    }
}
