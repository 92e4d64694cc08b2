//! DeleteMe: deletes the account with all its data. The owner is told, in case an attacker did it.

use super::Accounts;
use crate::{
    delivery::Notice,
    domain::Context,
    service::{
        AdminError, Error,
        factors::Confirmation,
        retries::Retry,
        sessions::{Account, Caller},
    },
    store::{Deletion, Revoking},
};

impl Accounts {
    /// Deletes the account.
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; the last administrator; the store's and the hasher's.
    pub async fn delete_me(
        &self,
        context: &Context,
        caller: &Caller,
        confirmation: Confirmation,
    ) -> Result<(), Error> {
        let (password, request_id) =
            caller.checked(confirmation.parse(), &confirmation.request_id)?;
        let retry = self.retries.of(request_id, "DeleteMe", &[caller.session_id().as_bytes()]);
        let second_factor = confirmation.second_factor.as_ref();
        let first = async {
            let account = caller.live()?;
            self.factors.confirm(context, account, &password, second_factor).await?;
            self.delete(context, account, &retry).await
        };
        // No password to compare with is left. The answer says no more than that the account is gone.
        self.retries.once(&retry, first, |_empty| async { Ok(()) }).await
    }

    async fn delete(
        &self,
        context: &Context,
        account: &Account,
        retry: &Retry,
    ) -> Result<(), Error> {
        let (user, session) = (account.user().id, account.session().id);
        let version = account.credentials().credential_version;
        let at = Revoking {
            carried_out: self.retries.carried_out(retry, &[])?,
            ..self.sessions.revoking(context, self.clock.now())
        };
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
