//! DeleteMe: the account goes, with all that is its. Its owner is told: it may have been somebody else.

use zeroize::Zeroizing;

use super::{Account, Error, UseCases};
use crate::{
    delivery::Notice,
    domain::{Caller, Password},
};

impl UseCases {
    /// Deletes the account.
    ///
    /// # Errors
    /// Bad fields; a password that is not right; too many failures; the store's and the hasher's.
    pub async fn delete_me(
        &self,
        account: &Account,
        password: Zeroizing<String>,
        caller: Caller,
    ) -> Result<(), Error> {
        let password = Password::parse(&password)?;
        self.confirm(account, &password, caller).await?;
        let (user, session) = (account.user().id, account.session().id);
        let version = account.credentials().credential_version;
        let at = self.revoking(self.clock.now(), caller);
        let notice = self.notice(account.user(), Notice::AccountDeleted, caller)?;
        if self.store.user_delete(user, session, version, at, notice).await? {
            self.outbox.wake();
            return Ok(());
        }
        // The password was changed meanwhile, or another request has deleted the account.
        Err(Error::InvalidCredentials)
    }
}
