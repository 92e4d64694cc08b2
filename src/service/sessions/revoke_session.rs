//! RevokeSession: ends one of the user's sessions.

use super::{Sessions, bearer::Account};
use crate::{
    domain::{Context, session_id},
    service::Error,
};

impl Sessions {
    /// Ends a session. Ended, unknown and other users' sessions get the same answer, which tells nothing about them.
    ///
    /// # Errors
    /// A malformed id; the caller's session has ended meanwhile; the store's.
    pub async fn revoke_session(
        &self,
        context: &Context,
        account: &Account,
        id: &str,
    ) -> Result<(), Error> {
        let id = session_id(id)?;
        // The statement checks the owner, and that the caller's session is live.
        let (user, asking) = (account.user().id, account.session().id);
        let at = self.revoking(context, self.clock.now());
        let done = self.store.session_revoke_for(id, user, asking, at).await?;
        if done { Ok(()) } else { Err(Error::TokenInvalid) }
    }
}
