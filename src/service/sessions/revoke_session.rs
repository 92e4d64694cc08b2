//! RevokeSession: ends one of the user's sessions.

use super::{Sessions, bearer::Account};
use crate::{
    domain::{Context, session_id},
    service::Error,
};

impl Sessions {
    /// Ends a session. One that has ended, is somebody else's or never was gets the same answer: nothing tells which.
    ///
    /// # Errors
    /// An id that is none; the session that asks has ended meanwhile; the store's.
    pub async fn revoke_session(
        &self,
        context: &Context,
        account: &Account,
        id: &str,
    ) -> Result<(), Error> {
        let id = session_id(id)?;
        // The owner, and that the session that asks lives, are conditions of the statement.
        let (user, asking) = (account.user().id, account.session().id);
        let at = self.revoking(context, self.clock.now());
        let done = self.store.session_revoke_for(id, user, asking, at).await?;
        if done { Ok(()) } else { Err(Error::TokenInvalid) }
    }
}
