//! An operator disables an account: whoever is in it is out, everywhere, and nobody gets in until it is enabled again.

use super::Operator;
use crate::{
    domain::{CLOCK_SKEW, Context, InvalidField, LoginName, User},
    service::Clock,
    store::{self, Revoking},
    token::LONGEST_TTL,
};

/// What came of disabling or enabling an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switched {
    /// It was not so, and is.
    Now(User),
    /// It was so before.
    Before(User),
}

/// Why an account is still as it was.
#[derive(Debug, thiserror::Error)]
pub enum SwitchUserError {
    /// It can be neither a username nor an address.
    #[error(transparent)]
    Name(#[from] InvalidField),
    /// Nobody has that username or address.
    #[error("there is no user with this name or e-mail address")]
    UnknownUser,
    /// The store's.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Operator {
    /// Disables an account, by its username or address: its sessions and open challenges end for good, codes that were sent
    /// set no password any more, and those who follow revocations are told.
    ///
    /// # Errors
    /// An unknown user; the store's.
    pub async fn disable_user(
        &self,
        context: &Context,
        name: &str,
    ) -> Result<Switched, SwitchUserError> {
        let user = self.find(name).await?;
        let done = self.store.user_disable(user.id, revoking(context, &self.clock)).await?;
        Ok(if done { Switched::Now(user) } else { Switched::Before(user) })
    }

    pub(super) async fn find(&self, name: &str) -> Result<User, SwitchUserError> {
        let found = self.store.user_by_login(&LoginName::parse(name)?).await?;
        Ok(found.ok_or(SwitchUserError::UnknownUser)?.user)
    }
}

/// What an operator revokes. How long tokens are valid the servers know: this command may run with other settings.
pub(super) fn revoking(context: &Context, clock: &Clock) -> Revoking {
    let now = clock.now();
    let tokens_expire_at = now.plus(LONGEST_TTL).plus(CLOCK_SKEW);
    Revoking { now, tokens_expire_at, actor: context.actor, address: context.address }
}
