//! Another e-mail address of a user.

use uuid::Uuid;

use super::{Connection, challenges, claims, void_codes};
use crate::store::{NewAddress, Result, Revoking};

/// Sessions that live go on with the next version of the credentials.
const KEEP_SESSIONS: &str = "UPDATE sessions SET credential_version = credential_version + 1 \
    WHERE user_id = $1 AND revoked_at IS NULL \
    AND credential_version = (SELECT credential_version FROM users WHERE id = $1) \
    AND epoch = (SELECT session_epoch FROM users WHERE id = $1)";

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaced {
    /// It is the same address in another spelling: what was shown of it still holds.
    Spelling,
    /// It is another address, not verified.
    Address,
    /// Another user has it.
    Taken,
}

/// Gives a user another address. Codes that were sent to the former one work no more, nor does one that is being made (the new credential
/// version): its mailbox may be an attacker's, and the reason for the change.
pub(super) async fn replace(
    connection: &mut Connection,
    user_id: Uuid,
    email: &NewAddress,
    at: &Revoking,
) -> Result<Replaced> {
    if claims::key_of(connection, user_id).await?.as_ref() == Some(&email.key) {
        sqlx::query("UPDATE users SET email = $2 WHERE id = $1")
            .bind(user_id)
            .bind(&email.text)
            .execute(connection)
            .await?;
        return Ok(Replaced::Spelling);
    }
    claims::take_turn(connection, &email.key).await?;
    if claims::is_verified(connection, &email.key).await? {
        return Ok(Replaced::Taken);
    }
    let is_claimed = claims::is_claimed(connection, &email.key).await?;
    let (key, claimed) = match &email.claim_key {
        Some(claim_key) if is_claimed => (claim_key, Some(&email.key)),
        None if is_claimed => return Ok(Replaced::Taken),
        Some(_) | None => (&email.key, None),
    };
    sqlx::query(KEEP_SESSIONS).bind(user_id).execute(&mut *connection).await?;
    sqlx::query(
        "UPDATE users SET email = $2, email_key = $3, claimed_email_key = $4, email_verified = $5, \
         credential_version = credential_version + 1 WHERE id = $1",
    )
    .bind(user_id)
    .bind(&email.text)
    .bind(key)
    .bind(claimed)
    .bind(false)
    .execute(&mut *connection)
    .await?;
    void(connection, user_id, at).await?;
    Ok(Replaced::Address)
}

/// Ends all that was begun with the credentials, sessions too, where the address is the right one already.
pub(super) async fn renew(connection: &mut Connection, user_id: Uuid, at: &Revoking) -> Result<()> {
    sqlx::query("UPDATE users SET credential_version = credential_version + 1 WHERE id = $1")
        .bind(user_id)
        .execute(&mut *connection)
        .await?;
    void(connection, user_id, at).await
}

/// Codes that were sent, and challenges that wait for one.
async fn void(connection: &mut Connection, user_id: Uuid, at: &Revoking) -> Result<()> {
    sqlx::query(
        "UPDATE mailbox_codes SET consumed_at = $2 WHERE user_id = $1 AND consumed_at IS NULL",
    )
    .bind(user_id)
    .bind(at.now)
    .execute(&mut *connection)
    .await?;
    challenges::end_all(connection, user_id, at.now).await?;
    void_codes::of_user(connection, user_id, at.now).await
}
