//! Second factors: authenticator apps and recovery codes.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, Connection};
use crate::{
    domain::Timestamp,
    store::{ConfirmTotp, Enrollment, Factors, NewTotp, Result, SealedTotp, UserFactors},
};

#[async_trait]
impl Factors for Backend {
    async fn factors_of(&self, user_id: Uuid) -> Result<UserFactors> {
        let totp: Option<(Uuid, Vec<u8>)> = sqlx::query_as(
            "SELECT id, sealed_secret FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL",
        )
        .bind(user_id)
        .fetch_optional(self.reader())
        .await?;
        let recovery_codes: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1")
                .bind(user_id)
                .fetch_one(self.reader())
                .await?;
        Ok(UserFactors {
            totp: totp.map(|(id, sealed_secret)| SealedTotp { id, sealed_secret }),
            recovery_codes: u32::try_from(recovery_codes).unwrap_or(u32::MAX),
        })
    }

    async fn totp_begin(&self, new: NewTotp) -> Result<()> {
        self.write(new, |connection, new| Box::pin(begin(connection, new))).await
    }

    async fn totp_reserve(
        &self,
        id: Uuid,
        user_id: Uuid,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Enrollment> {
        self.write((id, user_id, max_attempts, now), |connection, (id, user_id, max, now)| {
            Box::pin(reserve(connection, *id, *user_id, *max, *now))
        })
        .await
    }

    async fn totp_confirm(&self, confirm: ConfirmTotp) -> Result<bool> {
        self.write(confirm, |connection, confirm| Box::pin(confirm_totp(connection, confirm))).await
    }

    async fn recovery_codes_replace(
        &self,
        user_id: Uuid,
        codes: Vec<[u8; 32]>,
        now: Timestamp,
    ) -> Result<()> {
        self.write((user_id, codes, now), |connection, (user_id, codes, now)| {
            Box::pin(replace_codes(connection, *user_id, codes, *now))
        })
        .await
    }

    async fn two_factor_set(&self, user_id: Uuid, enabled: bool) -> Result<()> {
        self.write((user_id, enabled), |connection, (user_id, enabled)| {
            Box::pin(set(connection, *user_id, *enabled))
        })
        .await
    }
}

/// Uses up a step of an app: it must be later than every one before it.
pub(super) async fn spend_step(connection: &mut Connection, id: Uuid, step: i64) -> Result<bool> {
    let spent = sqlx::query(
        "UPDATE totp_factors SET last_step = $2 \
         WHERE id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL RETURNING id",
    )
    .bind(id)
    .bind(step)
    .fetch_optional(connection)
    .await?;
    Ok(spent.is_some())
}

/// Uses up a recovery code.
pub(super) async fn spend_code(
    connection: &mut Connection,
    user_id: Uuid,
    code_mac: &[u8; 32],
) -> Result<bool> {
    let spent = sqlx::query(
        "DELETE FROM recovery_codes WHERE user_id = $1 AND code_mac = $2 RETURNING user_id",
    )
    .bind(user_id)
    .bind(code_mac.as_slice())
    .fetch_optional(connection)
    .await?;
    Ok(spent.is_some())
}

async fn begin(connection: &mut Connection, new: &NewTotp) -> Result<()> {
    // One enrolment at a time: whoever begins another one has lost sight of the first.
    sqlx::query("DELETE FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NULL")
        .bind(new.user_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO totp_factors (id, user_id, sealed_secret, last_step, attempts, created_at, expires_at) \
         VALUES ($1, $2, $3, 0, 0, $4, $5)",
    )
    .bind(new.id)
    .bind(new.user_id)
    .bind(&new.sealed_secret)
    .bind(new.created_at)
    .bind(new.expires_at)
    .execute(connection)
    .await?;
    Ok(())
}

async fn reserve(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
    max_attempts: u32,
    now: Timestamp,
) -> Result<Enrollment> {
    let max_attempts = i32::try_from(max_attempts).unwrap_or(i32::MAX);
    let sealed: Option<Vec<u8>> = sqlx::query_scalar(
        "UPDATE totp_factors SET attempts = attempts + 1 WHERE id = $1 AND user_id = $2 \
         AND confirmed_at IS NULL AND expires_at > $3 AND attempts < $4 RETURNING sealed_secret",
    )
    .bind(id)
    .bind(user_id)
    .bind(now)
    .bind(max_attempts)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(sealed_secret) = sealed {
        return Ok(Enrollment::Reserved(SealedTotp { id, sealed_secret }));
    }
    let spent: Option<Uuid> = sqlx::query_scalar(
        "SELECT id FROM totp_factors WHERE id = $1 AND user_id = $2 AND confirmed_at IS NULL \
         AND expires_at > $3 AND attempts >= $4",
    )
    .bind(id)
    .bind(user_id)
    .bind(now)
    .bind(max_attempts)
    .fetch_optional(connection)
    .await?;
    Ok(if spent.is_some() { Enrollment::Exhausted } else { Enrollment::Invalid })
}

async fn confirm_totp(connection: &mut Connection, confirm: &ConfirmTotp) -> Result<bool> {
    // Claimed before anything else is touched: what is not there, or not theirs, changes nothing.
    let claimed = sqlx::query(
        "UPDATE totp_factors SET last_step = $3 \
         WHERE id = $1 AND user_id = $2 AND confirmed_at IS NULL RETURNING id",
    )
    .bind(confirm.id)
    .bind(confirm.user_id)
    .bind(confirm.step)
    .fetch_optional(&mut *connection)
    .await?;
    if claimed.is_none() {
        return Ok(false);
    }
    sqlx::query("DELETE FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL")
        .bind(confirm.user_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE totp_factors SET confirmed_at = $2 WHERE id = $1")
        .bind(confirm.id)
        .bind(confirm.now)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE users SET is_2fa_enabled = TRUE WHERE id = $1")
        .bind(confirm.user_id)
        .execute(&mut *connection)
        .await?;
    replace_codes(connection, confirm.user_id, &confirm.recovery_codes, confirm.now).await?;
    Ok(true)
}

async fn replace_codes(
    connection: &mut Connection,
    user_id: Uuid,
    codes: &[[u8; 32]],
    now: Timestamp,
) -> Result<()> {
    forget_codes(connection, user_id).await?;
    for code in codes {
        sqlx::query(
            "INSERT INTO recovery_codes (user_id, code_mac, created_at) VALUES ($1, $2, $3)",
        )
        .bind(user_id)
        .bind(code.as_slice())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn set(connection: &mut Connection, user_id: Uuid, enabled: bool) -> Result<()> {
    sqlx::query("UPDATE users SET is_2fa_enabled = $2 WHERE id = $1")
        .bind(user_id)
        .bind(enabled)
        .execute(&mut *connection)
        .await?;
    if !enabled {
        sqlx::query("DELETE FROM totp_factors WHERE user_id = $1")
            .bind(user_id)
            .execute(&mut *connection)
            .await?;
        forget_codes(connection, user_id).await?;
    }
    Ok(())
}

async fn forget_codes(connection: &mut Connection, user_id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1")
        .bind(user_id)
        .execute(connection)
        .await?;
    Ok(())
}
