//! SetTwoFactor: whether a login needs more than the password.

use zeroize::Zeroizing;

use super::{Account, Error, UseCases};
use crate::{
    delivery::Notice,
    domain::{Caller, Password, User},
};

impl UseCases {
    /// Turns the second factor on, with codes by mail, or off, with all that belongs to it. Returns the user as they then are.
    ///
    /// # Errors
    /// Bad fields; an address that should be verified and is not; a password that is not right; too many failures; the
    /// store's and the hasher's.
    pub async fn set_two_factor(
        &self,
        account: &Account,
        enabled: bool,
        password: Zeroizing<String>,
        caller: Caller,
    ) -> Result<User, Error> {
        let password = Password::parse(&password)?;
        let user = account.user();
        // Whoever has mistyped the address would have locked themselves out.
        let reachable = user.email_verified || !self.policy.email_verification;
        if enabled && !user.is_2fa_enabled && !reachable {
            return Err(Error::EmailUnverified);
        }
        self.confirm(account, &password, caller).await?;
        let what = if enabled { Notice::TwoFactorOn } else { Notice::TwoFactorOff };
        let notice = self.notice(user, what, caller)?;
        if !self.store.two_factor_set(self.factor_change(account, caller), enabled, notice).await? {
            // The password was changed meanwhile.
            return Err(Error::InvalidCredentials);
        }
        self.outbox.wake();
        Ok(User { is_2fa_enabled: enabled, ..user.clone() })
    }
}
