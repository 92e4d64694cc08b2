//! RevokeTrustedDevice: logins on that device need the second factor again.

use super::{Sessions, bearer::Account};
use crate::{
    domain::{Context, id, size},
    service::Error,
};

impl Sessions {
    /// Ends the trust of a device. One that is over, unknown, or another user's gets the same answer, which tells nothing about it.
    ///
    /// # Errors
    /// A malformed id; the caller's session has ended meanwhile; the store's.
    pub async fn revoke_trusted_device(
        &self,
        context: &Context,
        account: &Account,
        trusted_device: &str,
    ) -> Result<(), Error> {
        let trusted_device = id(size::ID, trusted_device)?;
        // The statement checks the owner, and that the caller's session is live.
        let (user, asking) = (account.user().id, account.session().id);
        let at = self.revoking(context, self.clock.now());
        let done = self.store.trusted_device_revoke(trusted_device, user, asking, at).await?;
        if done { Ok(()) } else { Err(Error::TokenInvalid) }
    }
}
