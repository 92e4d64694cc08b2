//! An operator disables an account: all its sessions end, and no login succeeds until it is enabled again.

use super::Operator;
use crate::{
    domain::{CLOCK_SKEW, Context, InvalidField, LoginName, User},
    service::Clock,
    store::{self, Revoking},
    token::LONGEST_TTL,
};

/// The outcome of disabling or enabling an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switched {
    /// The account was switched.
    Now(User),
    /// The account was so before.
    Before(User),
}

/// Why an account is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum SwitchUserError {
    /// Neither a username nor an address.
    #[error(transparent)]
    Name(#[from] InvalidField),
    /// No user has that username or address.
    #[error("there is no user with this name or e-mail address")]
    UnknownUser,
    /// The store's.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Operator {
    /// Disables an account, by username or address: its sessions and open challenges end for good, codes that were sent
    /// reset no password, and followers of the revocations are told.
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

/// The revocation of an operator. It assumes the longest token lifetime: this command may run with other settings than
/// the servers.
pub(super) fn revoking(context: &Context, clock: &Clock) -> Revoking {
    let now = clock.now();
    let tokens_expire_at = now.plus(LONGEST_TTL).plus(CLOCK_SKEW);
    Revoking::of(context, now, tokens_expire_at)
}
