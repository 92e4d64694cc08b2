//! DeleteMe: deletes the account with all its data. The owner is told, in case an attacker did it.

use super::Accounts;
use crate::{
    delivery::Notice,
    domain::Context,
    service::{AdminError, Error, factors::Confirmation, sessions::Account},
    store::Deletion,
};

impl Accounts {
    /// Deletes the account.
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; the last administrator; the store's and the hasher's.
    pub async fn delete_me(
        &self,
        context: &Context,
        account: &Account,
        confirmation: Confirmation,
    ) -> Result<(), Error> {
        let password = confirmation.parse()?;
        self.factors
            .confirm(context, account, &password, confirmation.second_factor.as_ref())
            .await?;
        let (user, session) = (account.user().id, account.session().id);
        let version = account.credentials().credential_version;
        let at = self.sessions.revoking(context, self.clock.now());
        let notice = self.outbox.notice(context, account.user(), Notice::AccountDeleted)?;
        match self.store.user_delete(user, session, version, at, notice).await? {
            Deletion::Done => {
                self.outbox.wake();
                Ok(())
            }
            // A race: the password was changed, the session ended, or another request deleted the account.
            Deletion::Unauthorised => Err(Error::InvalidCredentials),
            Deletion::LastAdministrator => Err(AdminError::LastAdministrator.into()),
        }
    }
}
