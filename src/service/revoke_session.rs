//! RevokeSession: ends one of the user's sessions.

use super::{Account, Error, UseCases};
use crate::domain::{Caller, session_id};

impl UseCases {
    /// Ends a session. One that has ended, is somebody else's or never was gets the same answer: nothing tells which.
    ///
    /// # Errors
    /// An id that is none; the store's.
    pub async fn revoke_session(
        &self,
        account: &Account,
        id: &str,
        caller: Caller,
    ) -> Result<(), Error> {
        let id = session_id(id)?;
        // The owner is a condition of the statement.
        let at = self.revoking(self.clock.now(), caller);
        self.store.session_revoke(id, account.user().id, at).await?;
        Ok(())
    }
}
