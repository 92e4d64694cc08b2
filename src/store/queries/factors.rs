//! [`Factors`](crate::store::Factors).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{completion, factors, totp},
};
use crate::store::{
    ConfirmTotp, FactorChange, Factors, NewTotp, Reservation, Result, SealedMessage, SealedTotp,
    Spending, TwoFactor, UserFactors,
};

#[async_trait]
impl Factors for Backend {
    async fn factors_of(&self, user_id: Uuid) -> Result<UserFactors> {
        self.read("factors_of", user_id, |connection, user_id| {
            Box::pin(factors::of(connection, *user_id))
        })
        .await
    }

    async fn totp_begin(&self, new: NewTotp) -> Result<bool> {
        self.write("totp_begin", new, |connection, new| Box::pin(totp::begin(connection, new)))
            .await
    }

    async fn totp_reserve(
        &self,
        id: Uuid,
        change: FactorChange,
        max_attempts: u32,
    ) -> Result<Reservation<SealedTotp>> {
        // Most of a flood is refused by this read, without queueing for SQLite's single writer.
        let seen = self.read("totp_open_attempts", (id, &change), |connection, (id, change)| {
            Box::pin(totp::open_attempts(connection, *id, change))
        });
        if seen.await?.is_none() {
            return Ok(Reservation::Invalid);
        }
        self.write(
            "totp_reserve",
            (id, change, max_attempts),
            |connection, (id, change, max_attempts)| {
                Box::pin(totp::reserve(connection, *id, change, *max_attempts))
            },
        )
        .await
    }

    async fn totp_confirm(&self, confirm: ConfirmTotp, message: SealedMessage) -> Result<bool> {
        self.write("totp_confirm", (confirm, message), |connection, (confirm, message)| {
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
        self.write(
            "recovery_codes_replace",
            (change, codes, message),
            |connection, (change, codes, message)| {
                Box::pin(factors::renew_codes(connection, change, codes, message))
            },
        )
        .await
    }

    async fn two_factor_set(
        &self,
        change: FactorChange,
        to: TwoFactor,
        message: SealedMessage,
    ) -> Result<bool> {
        self.write("two_factor_set", (change, to, message), |connection, (change, to, message)| {
            Box::pin(factors::set(connection, change, *to, message))
        })
        .await
    }

    async fn factor_spend(&self, change: FactorChange, spending: Spending) -> Result<bool> {
        self.write("factor_spend", (change, spending), |connection, (change, spending)| {
            Box::pin(completion::spend_again(connection, change, spending))
        })
        .await
    }
}
