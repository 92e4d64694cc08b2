//! RegenerateRecoveryCodes: ten new ones, after the old ones were used up or exposed.

use zeroize::Zeroizing;

use super::{Factors, confirm::Confirmation, secrets::codes_of};
use crate::{
    delivery::Notice,
    domain::{Context, Password, RecoveryCode},
    service::{Error, retries::Retry, sessions::Account},
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
        let first = self.replace_codes(context, account, (&password, &confirmation), &retry);
        let again = async |answer: Zeroizing<Vec<u8>>| {
            self.confirm_again(context, account, &password).await?;
            codes_of(&answer)
        };
        self.retries.once(&retry, first, again).await
    }

    async fn replace_codes(
        &self,
        context: &Context,
        account: &Account,
        (password, confirmation): (&Password, &Confirmation),
        retry: &Retry,
    ) -> Result<Vec<RecoveryCode>, Error> {
        if !account.user().is_2fa_enabled {
            return Err(Error::TwoFactorOff);
        }
        self.confirm(context, account, password, confirmation.second_factor.as_ref()).await?;
        let new = self.new_recovery_codes(account.user().id);
        let carried_out = self.retries.carried_out(retry, &new.to_bytes())?;
        let change = FactorChange { carried_out, ..self.factor_change(context, account) };
        let notice = self.outbox.notice(context, account.user(), Notice::RecoveryCodesReplaced)?;
        if !self.store.recovery_codes_replace(change, new.macs, notice).await? {
            // A race: the password was changed, the session ended, or the second factor was turned off. A repeated call
            // gets the specific error.
            return Err(Error::InvalidCredentials);
        }
        self.outbox.wake();
        Ok(new.codes)
    }
}
