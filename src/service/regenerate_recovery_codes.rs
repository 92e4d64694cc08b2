//! RegenerateRecoveryCodes: ten new ones for whoever has used theirs up, or shown them to somebody.

use zeroize::Zeroizing;

use super::{Account, Error, UseCases};
use crate::{
    delivery::Notice,
    domain::{Caller, Password, RecoveryCode},
};

impl UseCases {
    /// Replaces the recovery codes. Returns the new ones, this once.
    ///
    /// # Errors
    /// Bad fields; the second factor is off; a password that is not right; too many failures; the store's and the hasher's.
    pub async fn regenerate_recovery_codes(
        &self,
        account: &Account,
        password: Zeroizing<String>,
        caller: Caller,
    ) -> Result<Vec<RecoveryCode>, Error> {
        let password = Password::parse(&password)?;
        if !account.user().is_2fa_enabled {
            return Err(Error::TwoFactorOff);
        }
        self.confirm(account, &password, caller).await?;
        let (change, new) =
            (self.factor_change(account, caller), self.new_recovery_codes(account.user().id));
        let notice = self.notice(account.user(), Notice::RecoveryCodesReplaced, caller)?;
        if !self.store.recovery_codes_replace(change, new.macs, notice).await? {
            // The password was changed or the second factor turned off meanwhile: who asks again hears which.
            return Err(Error::InvalidCredentials);
        }
        self.outbox.wake();
        Ok(new.codes)
    }
}
