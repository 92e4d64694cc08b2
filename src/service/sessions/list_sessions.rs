//! ListSessions: the sessions of a user.

use super::{Sessions, bearer::Account};
use crate::{domain::Session, service::Error};

impl Sessions {
    /// The user's live sessions, the most recently used first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_sessions(&self, account: &Account) -> Result<Vec<Session>, Error> {
        Ok(self.store.session_list(account.user().id, self.clock.now()).await?)
    }
}
