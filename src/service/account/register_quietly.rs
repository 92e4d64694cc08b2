//! Register, where it tells nobody which names and addresses are taken (ADR 56).
//!
//! Against user enumeration: whatever is taken, the work is the same, one hash and the same rows, and so is the answer.

use super::{
    Accounts,
    register::{Registered, Valid},
};
use crate::{
    domain::Context,
    service::Error,
    store::{Credentials, Taken},
};

impl Accounts {
    /// Adds a pending user, who becomes one by VerifyEmail.
    ///
    /// # Errors
    /// Another request with that id; too many mails; the store's and the hasher's.
    pub(super) async fn register_quietly(
        &self,
        context: &Context,
        valid: &Valid,
    ) -> Result<Registered, Error> {
        if let Some(earlier) = self.earlier(valid).await? {
            return self
                .same_again(context, earlier, valid)
                .await
                .map(|user| self.registered(user));
        }
        let password_hash = self.passwords.hash(&valid.password, context).await?;
        let user = self.new_user(valid);
        let mail = self.mailbox.charge_first_mail(context, &valid.email).await?;
        let code = self.mailbox.first_pending_code(context, &user, &valid.email).await?;
        let new = self.to_add(context, &user, valid, (password_hash, Some(code)));
        if self.store.pending_user_create(new).await? {
            self.outbox.wake();
            return Ok(self.registered(user));
        }
        if let Some(mail) = mail {
            self.limits.take_back(&mail).await?;
        }
        // Lost a race against this very request, sent twice.
        match self.earlier(valid).await? {
            Some(earlier) => {
                self.same_again(context, earlier, valid).await.map(|user| self.registered(user))
            }
            None => Err(Error::StoreUnavailable("a rival registration has vanished".into())),
        }
    }

    /// Whom the same request has made before.
    async fn earlier(&self, valid: &Valid) -> Result<Option<Credentials>, Error> {
        let Some(request_id) = valid.request_id else { return Ok(None) };
        let now = self.clock.now();
        if let Some(pending) = self.store.pending_user_by_request(request_id, now).await? {
            return Ok(Some(pending));
        }
        let (username, email) = (valid.username.key(), valid.email.key());
        Ok(match self.store.user_taken(username, email, Some(request_id)).await? {
            Some(Taken::RequestId(earlier)) => Some(*earlier),
            // Not told.
            Some(Taken::Username | Taken::Email { .. }) | None => None,
        })
    }
}
