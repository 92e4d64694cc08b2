//! Users and their credentials.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, Connection, account_state, claims, events, mailbox, sessions};
use crate::{
    domain::{Event, EventKind, LoginName, Timestamp, User},
    store::{Credentials, FactorChange, NewUser, Result, Revoking, SealedMessage, Taken, Users},
};

/// The columns of a [`UserRow`].
macro_rules! user_columns {
    () => {
        "users.id, users.username, users.username_key, users.email, users.email_verified, users.password_hash, \
         users.credential_version, users.is_2fa_enabled, users.roles, users.request_id, users.disabled_at, \
         users.created_at"
    };
}

pub(super) use user_columns;

/// What stands in the way of a name, an address or a request.
const TAKEN: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE username_key = $1 OR email_key = $2 OR request_id = $3"
);

// Nobody can register the keys of a user who was deleted, but anybody can type them at a login.
const BY_USERNAME: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE username_key = $1 AND deleted_at IS NULL"
);
const BY_EMAIL: &str =
    concat!("SELECT ", user_columns!(), " FROM users WHERE email_key = $1 AND deleted_at IS NULL");

const BY_ID: &str =
    concat!("SELECT ", user_columns!(), " FROM users WHERE id = $1 AND deleted_at IS NULL");

#[async_trait]
impl Users for Backend {
    async fn user_create(&self, new: NewUser) -> Result<bool> {
        self.write("user_create", new, |connection, new| Box::pin(insert(connection, new))).await
    }

    async fn user_taken(
        &self,
        username_key: &str,
        email_key: &str,
        request_id: Option<Uuid>,
    ) -> Result<Option<Taken>> {
        let keys = (username_key, email_key, request_id);
        self.read("user_taken", keys, |connection, (username_key, email_key, request_id)| {
            Box::pin(taken(connection, username_key, email_key, *request_id))
        })
        .await
    }

    async fn user_by_login(&self, name: &LoginName) -> Result<Option<Credentials>> {
        let (sql, key) = match name {
            LoginName::Username(key) => (BY_USERNAME, key),
            LoginName::Email(key) => (BY_EMAIL, key),
        };
        self.read("user_by_login", (sql, key), |connection, (sql, key)| {
            Box::pin(async move {
                let row: Option<UserRow> =
                    sqlx::query_as(*sql).bind(*key).fetch_optional(connection).await?;
                Ok(row.map(Into::into))
            })
        })
        .await
    }

    async fn user_by_id(&self, id: Uuid) -> Result<Option<Credentials>> {
        self.read("user_by_id", id, |connection, id| Box::pin(find(connection, *id))).await
    }

    async fn user_delete(
        &self,
        id: Uuid,
        session_id: Uuid,
        credential_version: i64,
        at: Revoking,
        message: SealedMessage,
    ) -> Result<bool> {
        let change = at.change(id, credential_version, session_id);
        self.write("user_delete", (change, at, message), |connection, (change, at, message)| {
            Box::pin(account_state::delete(connection, change, at, message))
        })
        .await
    }

    async fn user_disable(&self, id: Uuid, at: Revoking) -> Result<bool> {
        self.write("user_disable", (id, at), |connection, (id, at)| {
            Box::pin(account_state::disable(connection, *id, at))
        })
        .await
    }

    async fn user_enable(&self, id: Uuid, at: Revoking) -> Result<bool> {
        self.write("user_enable", (id, at), |connection, (id, at)| {
            Box::pin(account_state::enable(connection, *id, at))
        })
        .await
    }
}

async fn taken(
    connection: &mut Connection,
    username_key: &str,
    email_key: &str,
    request_id: Option<Uuid>,
) -> Result<Option<Taken>> {
    let rows: Vec<UserRow> = sqlx::query_as(TAKEN)
        .bind(username_key)
        .bind(email_key)
        .bind(request_id)
        .fetch_all(connection)
        .await?;
    let of_request = |row: &&UserRow| request_id.is_some() && row.request_id == request_id;
    Ok(if let Some(row) = rows.iter().find(of_request) {
        Some(Taken::RequestId(Box::new(row.clone().into())))
    } else if rows.iter().any(|row| row.username_key == username_key) {
        Some(Taken::Username)
    } else {
        let verified = rows.iter().any(|row| row.email_verified);
        (!rows.is_empty()).then_some(Taken::Email { verified })
    })
}

pub(super) async fn find(connection: &mut Connection, id: Uuid) -> Result<Option<Credentials>> {
    let row: Option<UserRow> = sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?;
    Ok(row.map(Into::into))
}

/// The guard of every change of an account that its owner or an operator asks for, and the first thing that such a change
/// does: takes the user's row until the transaction ends, if the credentials are those that were checked and, where a session
/// asks, that may still ask. Returns whether the second factor is on.
pub(super) async fn take(
    connection: &mut Connection,
    change: &FactorChange,
) -> Result<Option<bool>> {
    let (user_id, version) = (change.user_id, change.credential_version);
    let Some(is_2fa_enabled) = hold(connection, user_id, version).await? else { return Ok(None) };
    // Only with the row in hand: a statement of Postgres that waited for it has seen the sessions as they were before.
    let may_ask = match change.session_id {
        Some(session_id) => sessions::may_ask(connection, session_id, user_id, change.now).await?,
        None => true,
    };
    Ok(may_ask.then_some(is_2fa_enabled))
}

/// Takes a user's row until the transaction ends, if the credentials are of that version. Returns whether the second factor
/// is on. The statement changes nothing: it is the lock that both databases know.
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

async fn insert(connection: &mut Connection, new: &NewUser) -> Result<bool> {
    if !claims::add(connection, new).await? {
        return Ok(false);
    }
    let (user_id, at) = (Some(new.user.id), new.user.created_at);
    let event = Event::of(EventKind::Registered, user_id, None, new.actor, new.address, at);
    events::put(connection, &[event]).await?;
    if let Some(verification) = &new.verification {
        mailbox::insert(connection, verification).await?;
    }
    Ok(true)
}

/// Adds the row of a user, unless one of its keys is taken. Returns whether it did.
pub(super) async fn insert_row(
    connection: &mut Connection,
    new: &NewUser,
    email_key: &str,
    claimed_email_key: Option<&str>,
) -> Result<bool> {
    let added = sqlx::query(
        "INSERT INTO users (id, username, username_key, email, email_key, email_verified, password_hash, \
         credential_version, is_2fa_enabled, roles, request_id, disabled_at, created_at, claimed_email_key, verify_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
         ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(new.user.id)
    .bind(&new.user.username)
    .bind(&new.username_key)
    .bind(&new.user.email)
    .bind(email_key)
    .bind(new.user.email_verified)
    .bind(&new.password_hash)
    .bind(Credentials::FIRST_VERSION)
    .bind(new.user.is_2fa_enabled)
    .bind(new.user.roles.join(" "))
    .bind(new.request_id)
    .bind(new.user.disabled_at)
    .bind(new.user.created_at)
    .bind(claimed_email_key)
    .bind(new.verify_by)
    .fetch_optional(connection)
    .await?;
    Ok(added.is_some())
}

#[derive(Clone, sqlx::FromRow)]
pub(super) struct UserRow {
    id: Uuid,
    username: String,
    username_key: String,
    email: String,
    email_verified: bool,
    password_hash: String,
    credential_version: i64,
    is_2fa_enabled: bool,
    roles: String,
    request_id: Option<Uuid>,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<UserRow> for Credentials {
    fn from(row: UserRow) -> Self {
        Self {
            user: User {
                id: row.id,
                username: row.username,
                email: row.email,
                is_2fa_enabled: row.is_2fa_enabled,
                email_verified: row.email_verified,
                roles: row.roles.split_whitespace().map(str::to_owned).collect(),
                disabled_at: row.disabled_at,
                created_at: row.created_at,
            },
            password_hash: row.password_hash,
            credential_version: row.credential_version,
        }
    }
}
