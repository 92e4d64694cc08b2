//! RevokeOtherSessions: ends all of the user's sessions but the caller's.

use super::{Sessions, bearer::Account};
use crate::{domain::Context, service::Error};

impl Sessions {
    /// Ends the other sessions; returns their number.
    ///
    /// # Errors
    /// The caller's session has ended meanwhile; the store's.
    pub async fn revoke_other_sessions(
        &self,
        context: &Context,
        account: &Account,
    ) -> Result<usize, Error> {
        let (user, asking) = (account.user().id, account.session().id);
        let at = self.revoking(context, self.clock.now());
        let ended = self.store.session_revoke_others(user, asking, at).await?;
        ended.ok_or(Error::TokenInvalid)
    }
}
