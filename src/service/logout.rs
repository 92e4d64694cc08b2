//! Logout: ends the session of a refresh token.

use super::{Error, UseCases};
use crate::{domain::Context, token::OpaqueToken};

impl UseCases {
    /// Ends a session. Any of its refresh tokens will do, spent ones too: whoever wants to be logged out is.
    ///
    /// # Errors
    /// A token that was never ours; the store's.
    pub async fn logout(&self, context: &Context, refresh_token: OpaqueToken) -> Result<(), Error> {
        let (_, session) = self.session_of_refresh_token(&refresh_token).await?;
        // Whoever has the session's token is its user, as far as anybody can tell.
        let context = context.as_user(session.user_id, session.id);
        let at = self.revoking(&context, self.clock.now());
        self.store.session_revoke(session.id, session.user_id, at).await?;
        Ok(())
    }
}
