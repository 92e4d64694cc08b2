//! RegenerateRecoveryCodes: ten new ones, after the old ones were used up or exposed.

use super::{Factors, confirm::Confirmation, secrets::codes_of};
use crate::{
    delivery::Notice,
    domain::{Context, RecoveryCode},
    service::{Error, sessions::Account},
    store::FactorChange,
};

impl Factors {
    /// Replaces the recovery codes. Returns the new ones, this once, and to a retry.
    ///
    /// # Errors
    /// Bad fields; the second factor is off; what `confirm` finds missing or wrong; the store's and the hasher's.
    pub async fn regenerate_recovery_codes(
        &self,
        context: &Context,
        account: &Account,
        confirmation: Confirmation,
    ) -> Result<Vec<RecoveryCode>, Error> {
        let (password, request_id) = confirmation.parse()?;
        let retry = self.retry(request_id, "RegenerateRecoveryCodes", account);
        if let Some(answer) = self.retries.answer(&retry).await? {
            self.confirm_again(context, account, &password).await?;
            return codes_of(&answer);
        }
        if !account.user().is_2fa_enabled {
            return Err(Error::TwoFactorOff);
        }
        self.confirm(context, account, &password, confirmation.second_factor.as_ref()).await?;
        let new = self.new_recovery_codes(account.user().id);
        let retry_known = self.retries.carried_out(&retry, &new.to_bytes())?;
        let change = FactorChange { retry: retry_known, ..self.factor_change(context, account) };
        let notice = self.outbox.notice(context, account.user(), Notice::RecoveryCodesReplaced)?;
        if !self.store.recovery_codes_replace(change, new.macs, notice).await? {
            // A race: the password was changed, the session ended, or the second factor was turned off. A repeated call
            // gets the specific error.
            let answer = self.retries.answer_or(&retry, Error::InvalidCredentials).await?;
            return codes_of(&answer);
        }
        self.outbox.wake();
        Ok(new.codes)
    }
}
