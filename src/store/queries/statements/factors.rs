//! Second factors. Every change locks the user's row first, as logins and password changes do, which serialises them.

use uuid::Uuid;

use super::{Connection, challenges, events, guard, outbox, retries, sessions};
use crate::{
    domain::{EventKind, Timestamp},
    store::{FactorChange, Result, SealedMessage, SealedTotp, TwoFactor, UserFactors},
};

pub(in crate::store) async fn of(
    connection: &mut Connection,
    user_id: Uuid,
) -> Result<UserFactors> {
    let row: Option<FactorsRow> = sqlx::query_as(
        "SELECT totp_factors.id, sealed_secret, \
         (SELECT COUNT(*) FROM recovery_codes WHERE recovery_codes.user_id = users.id) AS codes, \
         (SELECT COUNT(*) FROM passkeys WHERE passkeys.user_id = users.id) AS passkeys \
         FROM users LEFT JOIN totp_factors \
         ON totp_factors.user_id = users.id AND confirmed_at IS NOT NULL WHERE users.id = $1",
    )
    .bind(user_id)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into).unwrap_or_default())
}

pub(in crate::store) async fn renew_codes(
    connection: &mut Connection,
    change: &FactorChange,
    codes: &[[u8; 32]],
    message: &SealedMessage,
) -> Result<bool> {
    if guard::take(connection, change).await? != Some(true)
        || !retries::note(connection, change.carried_out.as_ref()).await?
    {
        return Ok(false);
    }
    replace_codes(connection, change, codes).await?;
    // A change of the factors as any: logins that wait for one end, and so does the trust of devices.
    challenges::end_all(connection, change.user_id, change.now).await?;
    let event = change.event(EventKind::RecoveryCodesReplaced);
    events::put(connection, &[event]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(true)
}

pub(in crate::store) async fn set(
    connection: &mut Connection,
    change: &FactorChange,
    to: TwoFactor,
    message: &SealedMessage,
) -> Result<bool> {
    let Some(is_on) = guard::take(connection, change).await? else { return Ok(false) };
    match (to, is_on) {
        (TwoFactor::Off, false) | (TwoFactor::On { .. }, true) => Ok(true),
        (TwoFactor::Off, true) => turn_off(connection, change, message).await,
        (TwoFactor::On { verified_only, tokens_expire_at }, false) => {
            if !turn(connection, change, true, verified_only).await? {
                return Ok(false);
            }
            turned_on(connection, change, message).await?;
            end_sessions(connection, change, tokens_expire_at).await?;
            Ok(true)
        }
    }
}

async fn turn_off(
    connection: &mut Connection,
    change: &FactorChange,
    message: &SealedMessage,
) -> Result<bool> {
    turn(connection, change, false, false).await?;
    forget(connection, change.user_id).await?;
    events::put(connection, &[change.event(EventKind::TwoFactorOff)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(true)
}

/// Removes apps, enrolments and recovery codes.
pub(super) async fn forget(connection: &mut Connection, user_id: Uuid) -> Result<()> {
    for forget in [
        "DELETE FROM totp_factors WHERE user_id = $1",
        "DELETE FROM recovery_codes WHERE user_id = $1",
    ] {
        sqlx::query(forget).bind(user_id).execute(&mut *connection).await?;
    }
    Ok(())
}

/// An enrolment that was begun with the password alone ends.
async fn turned_on(
    connection: &mut Connection,
    change: &FactorChange,
    message: &SealedMessage,
) -> Result<()> {
    sqlx::query("DELETE FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NULL")
        .bind(change.user_id)
        .execute(&mut *connection)
        .await?;
    events::put(connection, &[change.event(EventKind::TwoFactorOn)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await
}

/// Turns the second factor on or off; with `verified_only` not for an unverified address. Logins that wait for the former
/// second factor can't be completed any more. Returns whether it did.
pub(super) async fn turn(
    connection: &mut Connection,
    change: &FactorChange,
    enabled: bool,
    verified_only: bool,
) -> Result<bool> {
    let turned = sqlx::query(
        "UPDATE users SET is_2fa_enabled = $2 WHERE id = $1 AND ($3 OR email_verified) RETURNING id",
    )
    .bind(change.user_id)
    .bind(enabled)
    .bind(!verified_only)
    .fetch_optional(&mut *connection)
    .await?;
    if turned.is_none() {
        return Ok(false);
    }
    challenges::end_all(connection, change.user_id, change.now).await?;
    Ok(true)
}

/// Revokes all sessions of a user whose second factor has just been turned on: none of them has used it. The last
/// statements of their transaction.
pub(super) async fn end_sessions(
    connection: &mut Connection,
    change: &FactorChange,
    tokens_expire_at: Timestamp,
) -> Result<()> {
    let at = change.revoking(tokens_expire_at);
    // The nil id keeps none.
    sessions::revoke_others(connection, change.user_id, Uuid::nil(), &at).await?;
    Ok(())
}

pub(super) async fn replace_codes(
    connection: &mut Connection,
    change: &FactorChange,
    codes: &[[u8; 32]],
) -> Result<()> {
    sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1")
        .bind(change.user_id)
        .execute(&mut *connection)
        .await?;
    for code in codes {
        sqlx::query(
            "INSERT INTO recovery_codes (user_id, code_mac, created_at) VALUES ($1, $2, $3)",
        )
        .bind(change.user_id)
        .bind(code.as_slice())
        .bind(change.now)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct FactorsRow {
    id: Option<Uuid>,
    sealed_secret: Option<Vec<u8>>,
    codes: i64,
    passkeys: i64,
}

impl From<FactorsRow> for UserFactors {
    fn from(row: FactorsRow) -> Self {
        let totp = row.id.zip(row.sealed_secret);
        Self {
            totp: totp.map(|(id, sealed_secret)| SealedTotp { id, sealed_secret }),
            has_recovery_codes: row.codes > 0,
            has_passkeys: row.passkeys > 0,
        }
    }
}
