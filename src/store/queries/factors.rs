//! What a user has beside the password. Whatever changes it takes the user's row first, as logins and changes of the password
//! do: they come one after the other.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, Connection, challenges, events, outbox, totp, users};
use crate::{
    domain::{EventKind, Timestamp},
    store::{
        ConfirmTotp, FactorChange, Factors, NewTotp, Reservation, Result, SealedMessage,
        SealedTotp, UserFactors,
    },
};

#[async_trait]
impl Factors for Backend {
    async fn factors_of(&self, user_id: Uuid) -> Result<UserFactors> {
        let row: Option<FactorsRow> = sqlx::query_as(
            "SELECT totp_factors.id, sealed_secret, \
             (SELECT COUNT(*) FROM recovery_codes WHERE recovery_codes.user_id = users.id) AS codes \
             FROM users LEFT JOIN totp_factors \
             ON totp_factors.user_id = users.id AND confirmed_at IS NOT NULL WHERE users.id = $1",
        )
        .bind(user_id)
        .fetch_optional(self.reader())
        .await?;
        Ok(row.map(Into::into).unwrap_or_default())
    }

    async fn totp_begin(&self, new: NewTotp) -> Result<bool> {
        self.write(new, |connection, new| Box::pin(totp::begin(connection, new))).await
    }

    async fn totp_reserve(
        &self,
        id: Uuid,
        user_id: Uuid,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation<SealedTotp>> {
        self.write((id, user_id, max_attempts, now), |connection, (id, user_id, max, now)| {
            Box::pin(totp::reserve(connection, *id, *user_id, *max, *now))
        })
        .await
    }

    async fn totp_confirm(&self, confirm: ConfirmTotp, message: SealedMessage) -> Result<bool> {
        self.write((confirm, message), |connection, (confirm, message)| {
            Box::pin(totp::confirm(connection, confirm, message))
        })
        .await
    }

    async fn recovery_codes_replace(
        &self,
        change: FactorChange,
        codes: Vec<[u8; 32]>,
        message: SealedMessage,
    ) -> Result<bool> {
        self.write((change, codes, message), |connection, (change, codes, message)| {
            Box::pin(async move {
                if users::take(connection, change).await? != Some(true) {
                    return Ok(false);
                }
                replace_codes(connection, change, codes).await?;
                let event = change.event(EventKind::RecoveryCodesReplaced);
                events::put(connection, &[event]).await?;
                outbox::put(connection, std::slice::from_ref(message)).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn two_factor_set(
        &self,
        change: FactorChange,
        enabled: bool,
        message: SealedMessage,
    ) -> Result<bool> {
        self.write((change, enabled, message), |connection, (change, enabled, message)| {
            Box::pin(set(connection, change, *enabled, message))
        })
        .await
    }
}

async fn set(
    connection: &mut Connection,
    change: &FactorChange,
    enabled: bool,
    message: &SealedMessage,
) -> Result<bool> {
    let Some(was_enabled) = users::take(connection, change).await? else { return Ok(false) };
    if was_enabled == enabled {
        return Ok(true);
    }
    turn(connection, change, enabled).await?;
    if !enabled {
        for forget in [
            "DELETE FROM totp_factors WHERE user_id = $1",
            "DELETE FROM recovery_codes WHERE user_id = $1",
        ] {
            sqlx::query(forget).bind(change.user_id).execute(&mut *connection).await?;
        }
    }
    let kind = if enabled { EventKind::TwoFactorOn } else { EventKind::TwoFactorOff };
    events::put(connection, &[change.event(kind)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(true)
}

/// Logins that wait for the second factor as it was can't be completed any more.
pub(super) async fn turn(
    connection: &mut Connection,
    change: &FactorChange,
    enabled: bool,
) -> Result<()> {
    sqlx::query("UPDATE users SET is_2fa_enabled = $2 WHERE id = $1")
        .bind(change.user_id)
        .bind(enabled)
        .execute(&mut *connection)
        .await?;
    challenges::end_all(connection, change.user_id, change.now).await
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
}

impl From<FactorsRow> for UserFactors {
    fn from(row: FactorsRow) -> Self {
        let totp = row.id.zip(row.sealed_secret);
        Self {
            totp: totp.map(|(id, sealed_secret)| SealedTotp { id, sealed_secret }),
            has_recovery_codes: row.codes > 0,
        }
    }
}
