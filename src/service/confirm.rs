//! The password again, of a user who is already known by their token: whoever has stolen one must not get the account.

use super::{Account, Error, UseCases};
use crate::domain::{Caller, EventKind, Password};

impl UseCases {
    /// Checks the user's password, at the cost of an attempt of the session's own budget: whoever holds its token can't
    /// guess for long, and keeps nobody else from logging in.
    ///
    /// # Errors
    /// It is not right; too many failures, or more changes in an hour than a mailbox is told of; the store's and the hasher's.
    pub(super) async fn confirm(
        &self,
        account: &Account,
        password: &Password,
        caller: Caller,
    ) -> Result<(), Error> {
        let credentials = account.credentials();
        let (user_id, session_id) = (credentials.user.id, account.session().id);
        let version = credentials.credential_version;
        let budget = self.account_budget(user_id, version, Some(session_id), caller.address);
        let stored = Some(credentials.password_hash.as_str());
        let guess = self.guess(&budget, password, stored, &caller).await?;
        // After so many failures even the right one may be a lucky guess: it takes a login.
        if !guess.right || guess.attempt.is_over_the_limit() {
            let (user_id, session_id) = (Some(user_id), Some(session_id));
            let kind = EventKind::ConfirmationFailed;
            self.record_failure(kind, user_id, session_id, caller.address).await?;
            return Err(Error::InvalidCredentials);
        }
        self.store.throttle_settle(self.settled(&guess.attempt)).await?;
        // What is confirmed is told to the mailbox: an account with somebody else's address must not flood it.
        self.charge(vec![self.notice_charge(&credentials.user)]).await?;
        Ok(())
    }
}
