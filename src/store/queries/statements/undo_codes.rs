//! Codes that undo changes of addresses (ADR 51). An account has a few rows at the most, and none once it is deleted.

use uuid::Uuid;

use super::Connection;
use crate::{
    domain::Timestamp,
    store::{NewUndo, Result, UndoableChange},
};

/// The address that a user has before a change.
#[derive(sqlx::FromRow)]
pub(super) struct Former {
    email: String,
    email_key: String,
    email_verified: bool,
}

/// The address of a user, whose row is locked.
pub(super) async fn former(connection: &mut Connection, user_id: Uuid) -> Result<Former> {
    Ok(sqlx::query_as(
        "SELECT email, COALESCE(claimed_email_key, email_key) AS email_key, email_verified FROM users WHERE id = $1",
    )
    .bind(user_id)
    .fetch_one(connection)
    .await?)
}

/// Adds a code that undoes the change of that number.
pub(super) async fn insert(
    connection: &mut Connection,
    user_id: Uuid,
    number: i64,
    former: &Former,
    undo: &NewUndo,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO email_changes (id, user_id, number, code_mac, former_email, former_email_key, was_verified, \
         created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(undo.id)
    .bind(user_id)
    .bind(number)
    .bind(undo.code_mac.as_slice())
    .bind(&former.email)
    .bind(&former.email_key)
    .bind(former.email_verified)
    .bind(now)
    .bind(undo.expires_at)
    .execute(connection)
    .await?;
    Ok(())
}

pub(in crate::store) async fn expiries(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
) -> Result<Vec<Timestamp>> {
    Ok(sqlx::query_scalar(
        "SELECT expires_at FROM email_changes WHERE user_id = $1 AND expires_at > $2 ORDER BY expires_at",
    )
    .bind(user_id)
    .bind(now)
    .fetch_all(connection)
    .await?)
}

/// Also while the account is to be deleted: that may be the same thief's doing. Without a date it was disabled by an administrator.
pub(in crate::store) async fn find(
    connection: &mut Connection,
    code_mac: &[u8; 32],
    now: Timestamp,
) -> Result<Option<UndoableChange>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT user_id, number, former_email, former_email_key, was_verified FROM email_changes \
         WHERE code_mac = $1 AND expires_at > $2 \
         AND EXISTS (SELECT 1 FROM users WHERE id = user_id AND (disabled_at IS NULL OR deletion_due_at > $2))",
    )
    .bind(code_mac.as_slice())
    .bind(now)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// Ends the code of that number, and all later ones: whoever got them had the account by the change that is undone.
pub(super) async fn end_from(
    connection: &mut Connection,
    user_id: Uuid,
    number: i64,
) -> Result<()> {
    sqlx::query("DELETE FROM email_changes WHERE user_id = $1 AND number >= $2")
        .bind(user_id)
        .bind(number)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends all codes of a user, and forgets the addresses that their changes have been asked for.
pub(super) async fn forget(connection: &mut Connection, user_id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM email_changes WHERE user_id = $1")
        .bind(user_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE mailbox_codes SET new_email = NULL WHERE user_id = $1 AND new_email IS NOT NULL",
    )
    .bind(user_id)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    user_id: Uuid,
    number: i64,
    former_email: String,
    former_email_key: String,
    was_verified: bool,
}

impl From<Row> for UndoableChange {
    fn from(row: Row) -> Self {
        let Row { user_id, number, former_email, former_email_key, was_verified } = row;
        Self { user_id, number, former_email, former_email_key, was_verified }
    }
}
