//! DeleteMe: deletes the account with all its data, at once or after a time in which that can be undone (ADR 57). The owner is told, in
//! case an attacker did it.

use super::Accounts;
use crate::{
    delivery::{Content, Message, Notice, Undo},
    domain::{Context, Timestamp, UndoCode, User},
    service::{
        AdminError, Error,
        factors::Confirmation,
        retries::Retry,
        sessions::{Account, Caller},
    },
    store::{Deletion, FactorChange, PendingDeletion, Revoking},
    token::Purpose,
};

impl Accounts {
    /// Deletes the account. Returns when that is final, where it can be undone.
    ///
    /// # Errors
    /// Bad fields; what `confirm` finds missing or wrong; the last administrator; the store's and the hasher's.
    pub async fn delete_me(
        &self,
        context: &Context,
        caller: &Caller,
        confirmation: Confirmation,
    ) -> Result<Option<Timestamp>, Error> {
        let (password, request_id) =
            caller.checked(confirmation.parse(), &confirmation.request_id)?;
        let retry = self.retries.of(request_id, "DeleteMe", &[caller.session_id().as_bytes()]);
        let second_factor = confirmation.second_factor.as_ref();
        let first = async {
            let account = caller.live()?;
            self.factors.confirm(context, account, &password, second_factor).await?;
            let due_at = self.due(account.user());
            match due_at {
                Some(due_at) => self.request_deletion(context, account, due_at, &retry).await?,
                None => self.delete(context, account, &retry).await?,
            }
            Ok(due_at)
        };
        // No password to compare with is left. The answer says no more than that the account is gone, or when it
        // will be.
        self.retries.once(&retry, first, |answer| async move { Ok(due_of(&answer)) }).await
    }

    /// When a deletion of now is final; `None` is at once. So it is where the code would go to a mailbox that nobody has shown to be the
    /// user's.
    fn due(&self, user: &User) -> Option<Timestamp> {
        let grace = self.policy.deletion_grace;
        let is_reached = user.email_verified || !self.policy.email_verification;
        (is_reached && !grace.is_zero()).then(|| self.clock.now().plus(grace))
    }

    async fn request_deletion(
        &self,
        context: &Context,
        account: &Account,
        due_at: Timestamp,
        retry: &Retry,
    ) -> Result<(), Error> {
        let (user, now) = (account.user(), self.clock.now());
        let undo = Undo { code: UndoCode::generate(&mut rand::rng()), expires_at: due_at };
        let pending = PendingDeletion {
            code_mac: self.mailbox.undo_mac(Purpose::DeletionUndo, &undo.code),
            due_at,
            tokens_expire_at: self.sessions.revoking(context, now).tokens_expire_at,
        };
        let content = Content::DeletionRequested(undo);
        let message = self.outbox.seal(&Message::new(user, content, context, now))?;
        let change = FactorChange {
            user_id: user.id,
            credential_version: account.credentials().credential_version,
            session_id: Some(account.session().id),
            actor: context.actor.clone(),
            address: context.address,
            now,
            carried_out: self.retries.carried_out(retry, &due_at.unix_micros().to_be_bytes())?,
        };
        let done = self.store.deletion_request(change, pending, message).await?;
        self.deleted(done)
    }

    async fn delete(
        &self,
        context: &Context,
        account: &Account,
        retry: &Retry,
    ) -> Result<(), Error> {
        let (user, session) = (account.user().id, account.session().id);
        let version = account.credentials().credential_version;
        let at = Revoking {
            carried_out: self.retries.carried_out(retry, &[])?,
            ..self.sessions.revoking(context, self.clock.now())
        };
        let notice = self.outbox.notice(context, account.user(), Notice::AccountDeleted)?;
        let done = self.store.user_delete(user, session, version, at, notice).await?;
        self.deleted(done)
    }

    fn deleted(&self, done: Deletion) -> Result<(), Error> {
        match done {
            Deletion::Done => {
                self.outbox.wake();
                Ok(())
            }
            // A race: the password was changed, the session ended, or another request deleted the account.
            Deletion::Unauthorised => Err(Error::InvalidCredentials),
            Deletion::LastAdministrator => Err(AdminError::LastAdministrator.into()),
        }
    }
}

/// When a deletion is final, as it was noted for a retry.
fn due_of(answer: &[u8]) -> Option<Timestamp> {
    let micros = answer.try_into().ok()?;
    Some(Timestamp::from_unix_micros(i64::from_be_bytes(micros)))
}
