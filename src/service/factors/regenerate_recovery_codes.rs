//! RegenerateRecoveryCodes: ten new ones, after the old ones were used up or exposed.

use super::{Factors, confirm::Confirmation};
use crate::{
    delivery::Notice,
    domain::{Context, RecoveryCode},
    service::{Error, sessions::Account},
};

impl Factors {
    /// Replaces the recovery codes. Returns the new ones, this once.
    ///
    /// # Errors
    /// Bad fields; the second factor is off; what `confirm` finds missing or wrong; the store's and the hasher's.
    pub async fn regenerate_recovery_codes(
        &self,
        context: &Context,
        account: &Account,
        confirmation: Confirmation,
    ) -> Result<Vec<RecoveryCode>, Error> {
        let password = confirmation.parse()?;
        if !account.user().is_2fa_enabled {
            return Err(Error::TwoFactorOff);
        }
        self.confirm(context, account, &password, confirmation.second_factor.as_ref()).await?;
        let (change, new) =
            (self.factor_change(context, account), self.new_recovery_codes(account.user().id));
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
