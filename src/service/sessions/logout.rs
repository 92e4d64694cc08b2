//! Logout: ends the session of a refresh token.

use super::Sessions;
use crate::{domain::Context, service::Error, token::OpaqueToken};

impl Sessions {
    /// Ends a session. Idempotent, and any of its refresh tokens will do, spent ones too.
    ///
    /// # Errors
    /// A token that was never ours; the store's.
    pub async fn logout(&self, context: &Context, refresh_token: OpaqueToken) -> Result<(), Error> {
        let (token, session) = self.session_of_refresh_token(&refresh_token).await?;
        let user = context.as_user(session.user_id, session.id);
        // The current token identifies the user as the actor. A spent one may have been stolen.
        let is_current = token.number == session.token_number;
        let at = self.revoking(if is_current { &user } else { context }, self.clock.now());
        self.store.session_revoke(session.id, session.user_id, at).await?;
        Ok(())
    }
}
