//! Users and their credentials.

use uuid::Uuid;

use super::{Connection, user_roles};
use crate::{
    domain::{JsonObject, LoginName, Timestamp, User},
    store::{Credentials, Error, NewUser, Result, Taken},
};

/// The columns of a [`UserRow`].
macro_rules! user_columns {
    () => {
        "users.id, users.username, users.username_key, users.email, users.email_verified, users.password_hash, \
         users.credential_version, users.is_2fa_enabled, users.roles, users.claims, users.request_id, \
         users.disabled_at, users.created_at, users.password_distrusted_at"
    };
}

pub(in crate::store) use user_columns;

/// Conflicts of a name, an address or a request id.
const TAKEN: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE username_key = $1 OR email_key = $2 OR request_id = $3"
);

// The keys of deleted users can't be registered, but can be typed at a login.
const BY_USERNAME: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users WHERE username_key = $1 AND deleted_at IS NULL"
);
const BY_EMAIL: &str =
    concat!("SELECT ", user_columns!(), " FROM users WHERE email_key = $1 AND deleted_at IS NULL");

const BY_ID: &str =
    concat!("SELECT ", user_columns!(), " FROM users WHERE id = $1 AND deleted_at IS NULL");

/// What is taken already. The request id comes first: a retry finds the user of its first try, so Register is
/// idempotent.
pub(in crate::store) async fn taken(
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
        Some(Taken::RequestId(Box::new(row.clone().try_into()?)))
    } else if rows.iter().any(|row| row.username_key == username_key) {
        Some(Taken::Username)
    } else {
        let verified = rows.iter().any(|row| row.email_verified);
        (!rows.is_empty()).then_some(Taken::Email { verified })
    })
}

pub(in crate::store) async fn by_login(
    connection: &mut Connection,
    name: &LoginName,
) -> Result<Option<Credentials>> {
    let (sql, key) = match name {
        LoginName::Username(key) => (BY_USERNAME, key),
        LoginName::Email(key) => (BY_EMAIL, key),
    };
    let row: Option<UserRow> = sqlx::query_as(sql).bind(key).fetch_optional(connection).await?;
    row.map(TryInto::try_into).transpose()
}

pub(in crate::store) async fn find(
    connection: &mut Connection,
    id: Uuid,
) -> Result<Option<Credentials>> {
    let row: Option<UserRow> = sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?;
    row.map(TryInto::try_into).transpose()
}

/// Adds the row of a user, unless one of its keys is taken. Returns whether it did: `ON CONFLICT` decides the race of
/// concurrent registrations.
pub(super) async fn insert_row(
    connection: &mut Connection,
    new: &NewUser,
    email_key: &str,
    claimed_email_key: Option<&str>,
) -> Result<bool> {
    let added = sqlx::query(
        "INSERT INTO users (id, username, username_key, email, email_key, email_verified, password_hash, \
         credential_version, is_2fa_enabled, roles, request_id, disabled_at, created_at, claimed_email_key, verify_by, claims) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
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
    .bind(column_of(&new.user.claims))
    .fetch_optional(&mut *connection)
    .await?;
    if added.is_some() {
        user_roles::put(connection, [&new.user]).await?;
    }
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
    claims: Option<String>,
    request_id: Option<Uuid>,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    password_distrusted_at: Option<Timestamp>,
}

impl TryFrom<UserRow> for Credentials {
    type Error = Error;

    fn try_from(row: UserRow) -> Result<Self> {
        Ok(Self {
            user: User {
                id: row.id,
                username: row.username,
                email: row.email,
                is_2fa_enabled: row.is_2fa_enabled,
                email_verified: row.email_verified,
                roles: roles_of(&row.roles),
                claims: json_object(row.claims, "users.claims")?,
                disabled_at: row.disabled_at,
                created_at: row.created_at,
            },
            password_hash: row.password_hash,
            credential_version: row.credential_version,
            is_distrusted: row.password_distrusted_at.is_some(),
        })
    }
}

/// The roles in a column, where spaces are between them.
pub(super) fn roles_of(column: &str) -> Vec<String> {
    column.split_whitespace().map(str::to_owned).collect()
}

/// The value of a column: NULL is an empty object.
pub(super) fn column_of(object: &JsonObject) -> Option<String> {
    (!object.is_empty()).then(|| object.to_text())
}

/// An object as a column has it; NULL is an empty one.
pub(super) fn json_object(text: Option<String>, column: &'static str) -> Result<JsonObject> {
    let object = text.map(|text| JsonObject::from_text(&text).ok_or(Error::Corrupt(column)));
    Ok(object.transpose()?.unwrap_or_default())
}
