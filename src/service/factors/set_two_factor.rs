//! SetTwoFactor: whether a login needs more than the password.

use super::{Factors, confirm::Confirmation};
use crate::{
    delivery::Notice,
    domain::{Context, User},
    service::{Error, sessions::Account},
    store::TwoFactor,
};

impl Factors {
    /// Turns the second factor on, with codes by mail, or off, deleting its data. Returns the user as changed. Turning
    /// it on ends all sessions, this one too: none has used it.
    ///
    /// # Errors
    /// Bad fields; an address that must be verified first; what `confirm` finds missing or wrong; the
    /// store's and the hasher's.
    pub async fn set_two_factor(
        &self,
        context: &Context,
        account: &Account,
        enabled: bool,
        confirmation: Confirmation,
    ) -> Result<User, Error> {
        let password = confirmation.parse()?.0;
        let user = account.user();
        // A mistyped address would lock its user out.
        let reachable = user.email_verified || !self.policy.email_verification;
        if enabled && !user.is_2fa_enabled && !reachable {
            return Err(Error::EmailUnverified);
        }
        self.confirm(context, account, &password, confirmation.second_factor.as_ref()).await?;
        let what = if enabled { Notice::TwoFactorOn } else { Notice::TwoFactorOff };
        let notice = self.outbox.notice(context, user, what)?;
        let change = self.factor_change(context, account);
        let to = if enabled {
            let verified_only = self.policy.email_verification;
            TwoFactor::On {
                verified_only,
                tokens_expire_at: self.sessions.tokens_expire_at(change.now),
            }
        } else {
            TwoFactor::Off
        };
        if !self.store.two_factor_set(change, to, notice).await? {
            // A race: another request has turned it off, the password was changed, or the session ended.
            let unverified = enabled && !reachable;
            return Err(if unverified {
                Error::EmailUnverified
            } else {
                Error::InvalidCredentials
            });
        }
        self.outbox.wake();
        Ok(User { is_2fa_enabled: enabled, ..user.clone() })
    }
}
