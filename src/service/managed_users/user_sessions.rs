//! ListUserSessions, RevokeUserSessions and UnlockUser: what becomes of a user's logins.

use super::UserManager;
use crate::{
    domain::{Context, id, session_id, size},
    service::{
        AdminError, Error,
        fields::{Fields, check_sizes},
        sessions::{ListSessionsRequest, SessionList, SessionPage},
    },
};

impl UserManager {
    /// A page of a user's live sessions, the most recently used first.
    ///
    /// # Errors
    /// Bad fields; an unknown user; the store's.
    pub async fn list_user_sessions(
        &self,
        user_id: &str,
        request: ListSessionsRequest,
    ) -> Result<SessionPage, Error> {
        check_sizes([(size::USER_ID, user_id), (size::PAGE_TOKEN, &request.page_token)])?;
        let user_id = id(size::USER_ID, user_id)?;
        self.by_id(user_id).await?;
        let (store, master_key) = (self.store.as_ref(), &self.master_key);
        let list = SessionList { store, master_key, user_id, now: self.clock.now() };
        list.page(&request).await
    }

    /// Ends one of a user's sessions, or all. One that has ended, or is not theirs, is no error. Returns how many lived.
    ///
    /// # Errors
    /// Bad fields; an unknown user; the store's.
    pub async fn revoke_user_sessions(
        &self,
        context: &Context,
        user_id: &str,
        session: &str,
    ) -> Result<usize, Error> {
        check_sizes([(size::USER_ID, user_id), (size::SESSION_ID, session)])?;
        let mut fields = Fields::default();
        let user_id = fields.check(id(size::USER_ID, user_id));
        let session = Some(session).filter(|session| !session.is_empty()).map(session_id);
        let session = fields.check(session.transpose());
        let (user_id, session) = fields.all(user_id.zip(session))?;
        let at = self.revoking(context);
        let ended = self.store.managed_user_sessions_revoke(user_id, session, at).await?;
        ended.ok_or(AdminError::UserNotFound.into())
    }

    /// Forgets the failures that throttle a user: wrong passwords and codes, of strangers, known devices and sessions, and the mails to
    /// the mailbox. The limits of sources and of the service stay: they are not the user's.
    ///
    /// # Errors
    /// A bad field; an unknown user; the store's.
    pub async fn unlock_user(&self, context: &Context, user_id: &str) -> Result<(), Error> {
        let user_id = id(size::ID, user_id)?;
        let subjects = self.limits.subjects(&self.by_id(user_id).await?.user);
        let at = self.revoking(context);
        let found = self.store.managed_user_unlock(user_id, subjects, at).await?;
        if found { Ok(()) } else { Err(AdminError::UserNotFound.into()) }
    }
}
