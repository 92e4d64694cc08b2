//! Exports of users, range by range.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Connection, users::roles_of};
use crate::{
    domain::{Timestamp, User},
    store::{ExportedUser, Result, SealedTotp},
};

/// Of the index alone: rows of deleted users count as well.
const ENDS: &str = "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM users WHERE id > $1 \
    ORDER BY id LIMIT $2) AS numbered WHERE number % $3 = 0 ORDER BY id";

/// What an export shows, and no other column: the rows are what it costs.
const USERS: &str = "SELECT id, username, email, email_verified, password_hash, is_2fa_enabled, roles, claims, metadata, \
    disabled_at, created_at FROM users WHERE id > $1 AND id <= $2 AND deleted_at IS NULL ORDER BY id";

/// By position: a name costs a look-up in each row, and there are millions.
type UserColumns = (
    Uuid,
    String,
    String,
    bool,
    String,
    bool,
    String,
    Option<String>,
    Option<String>,
    Option<Timestamp>,
    Timestamp,
);

/// Not joined to the users: Postgres takes a range of ids for one row, and would look in the index for each user.
const APPS: &str = "SELECT user_id, id, sealed_secret FROM totp_factors \
    WHERE user_id > $1 AND user_id <= $2 AND confirmed_at IS NOT NULL";

pub(in crate::store) async fn ends(
    connection: &mut Connection,
    after: Uuid,
    rows: u32,
    pages: u32,
) -> Result<Vec<Uuid>> {
    let (rows, pages) = (i64::from(rows), i64::from(pages));
    let ends = sqlx::query_scalar(ENDS).bind(after).bind(rows * pages).bind(rows);
    Ok(ends.fetch_all(connection).await?)
}

pub(in crate::store) async fn users(
    connection: &mut Connection,
    after: Uuid,
    until: Uuid,
) -> Result<Vec<ExportedUser>> {
    let rows = sqlx::query_as(USERS).bind(after).bind(until).fetch_all(connection).await?;
    Ok(rows.into_iter().map(user_of).collect())
}

pub(in crate::store) async fn apps(
    connection: &mut Connection,
    after: Uuid,
    until: Uuid,
) -> Result<HashMap<Uuid, SealedTotp>> {
    let rows = sqlx::query_as(APPS).bind(after).bind(until);
    let rows: Vec<(Uuid, Uuid, Vec<u8>)> = rows.fetch_all(connection).await?;
    let app = |(user_id, id, sealed_secret)| (user_id, SealedTotp { id, sealed_secret });
    Ok(rows.into_iter().map(app).collect())
}

fn user_of(columns: UserColumns) -> ExportedUser {
    let (id, username, email, email_verified, password_hash, is_2fa_enabled, ..) = columns;
    let (.., roles, claims, metadata, disabled_at, created_at) = columns;
    let user = User {
        is_2fa_enabled,
        email_verified,
        roles: roles_of(&roles),
        disabled_at,
        ..User::new(id, username, email, created_at)
    };
    ExportedUser { user, claims, metadata, password_hash }
}
