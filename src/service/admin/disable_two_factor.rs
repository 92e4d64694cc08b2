//! Account recovery for a user who has lost phone and recovery codes: an operator turns the second factor off.

use super::Operator;
use crate::{
    delivery::Notice,
    domain::{Context, InvalidField, LoginName, User},
    service::Error,
    store::{self, FactorChange, TwoFactor},
};

/// The outcome of turning the second factor off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disabled {
    /// The second factor was on, and is off.
    Now(User),
    /// The second factor was off before.
    Before(User),
}

/// Why the second factor is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum DisableTwoFactorError {
    /// Neither a username nor an address.
    #[error(transparent)]
    Name(#[from] InvalidField),
    /// No user has that username or address.
    #[error("there is no user with this name or e-mail address")]
    UnknownUser,
    /// The password was changed at the same moment (race).
    #[error(
        "the user's credentials changed just now: look whether it is still needed, and try again"
    )]
    Changed,
    /// The store's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The message to the user can't be encrypted.
    #[error("the message to the user can't be written")]
    Message(#[source] Error),
}

impl Operator {
    /// Turns the second factor of a user off, by username or address: app and recovery codes are deleted, open
    /// challenges end, and the user is told. The password stays, and is then enough by itself.
    ///
    /// # Errors
    /// An unknown user; a change of the password at the same moment; the store's.
    pub async fn disable_two_factor(
        &self,
        context: &Context,
        name: &str,
    ) -> Result<Disabled, DisableTwoFactorError> {
        let found = self.store.user_by_login(&LoginName::parse(name)?).await?;
        let found = found.ok_or(DisableTwoFactorError::UnknownUser)?;
        if !found.user.is_2fa_enabled {
            return Ok(Disabled::Before(found.user));
        }
        let now = self.clock.now();
        let notice = self.outbox.notice(context, &found.user, Notice::TwoFactorOff);
        let notice = notice.map_err(DisableTwoFactorError::Message)?;
        let (user_id, credential_version) = (found.user.id, found.credential_version);
        let (session_id, actor, address) = (None, context.actor.clone(), context.address);
        let change = FactorChange {
            user_id,
            credential_version,
            session_id,
            actor,
            address,
            now,
            carried_out: None,
        };
        if !self.store.two_factor_set(change, TwoFactor::Off, notice).await? {
            return Err(DisableTwoFactorError::Changed);
        }
        Ok(Disabled::Now(found.user))
    }
}
