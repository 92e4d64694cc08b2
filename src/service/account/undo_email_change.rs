//! UndoEmailChange: whoever reads the former mailbox takes the account back, by the code that was sent there (ADR 51).

use super::{
    Accounts,
    undo_request::{TRIES, UndoRequest},
};
use crate::{
    delivery::Notice,
    domain::{Context, Email, EventKind, UndoCode, User},
    service::{Error, retries::Retry},
    store::{Credentials, EmailUndoing, EmailUndone, Revoking, SealedMessage, UndoableChange},
    token::Purpose,
};

impl Accounts {
    /// Undoes a change of the address, and all later ones. All sessions end, and the password by itself opens nothing any more: whoever
    /// made the change knew it.
    ///
    /// # Errors
    /// Bad fields; too many calls or failures of an address; a code that is not valid; a former address that another account has
    /// verified meanwhile; the store's.
    pub async fn undo_email_change(
        &self,
        context: &Context,
        request: UndoRequest,
    ) -> Result<(), Error> {
        request.check_sizes()?;
        self.limits.admit(context)?;
        let (code, request_id) = request.parse()?;
        let parts = [code.expose().as_bytes()];
        let retry = self.retries.of(request_id, "UndoEmailChange", &parts);
        let first = self.take_back_address(context, &code, &retry);
        self.retries.once(&retry, first, |_empty| async { Ok(()) }).await
    }

    async fn take_back_address(
        &self,
        context: &Context,
        code: &UndoCode,
        retry: &Retry,
    ) -> Result<(), Error> {
        let code_mac = self.mailbox.undo_mac(Purpose::EmailUndo, code);
        let charges = self.limits.undo_charges(&code_mac, context.address);
        let attempt = self.limits.charge(charges).await?;
        for _ in 0..TRIES {
            let change = self.store.email_change_find(code_mac, self.clock.now()).await?;
            let Some(change) = change else { return self.refuse_undo(context).await };
            let found = self.store.user_by_id(change.user_id).await?;
            let Some(found) = found else { return self.refuse_undo(context).await };
            let messages = self.told_of_undo(context, &change, &found.user)?;
            let undoing = self.undoing(context, (code_mac, change), &found, retry)?;
            match self.store.email_change_undo(undoing, messages).await? {
                EmailUndone::Done => {
                    self.outbox.wake();
                    return self.limits.take_back(&attempt).await;
                }
                EmailUndone::Taken => {
                    self.limits.take_back(&attempt).await?;
                    return Err(Error::FormerEmailTaken);
                }
                // A race, such as with another change of the address: that is undone, too.
                EmailUndone::Changed => {}
            }
        }
        Err(Error::StoreUnavailable("the account is changed again and again".into()))
    }

    fn undoing(
        &self,
        context: &Context,
        (code_mac, change): ([u8; 32], UndoableChange),
        found: &Credentials,
        retry: &Retry,
    ) -> Result<EmailUndoing, Error> {
        let (user_id, credential_version) = (found.user.id, found.credential_version);
        // A stored address that breaks today's rules is not shared with others.
        let email = Email::parse(&change.former_email).ok();
        let email = email.filter(|_| self.policy.email_verification);
        let at = Revoking {
            carried_out: self.retries.carried_out(retry, &[])?,
            ..self.sessions.revoking(context, self.clock.now())
        };
        let claim_key = email.map(|email| email.claim_key(user_id));
        Ok(EmailUndoing { code_mac, change, credential_version, claim_key, at })
    }

    /// The messages to the former address, and to the one that the account loses.
    fn told_of_undo(
        &self,
        context: &Context,
        change: &UndoableChange,
        user: &User,
    ) -> Result<Vec<SealedMessage>, Error> {
        let former = User { email: change.former_email.clone(), ..user.clone() };
        let to = [&former, user].into_iter().take(if former.email == user.email { 1 } else { 2 });
        to.map(|user| self.outbox.notice(context, user, Notice::EmailChangeUndone)).collect()
    }

    async fn refuse_undo(&self, context: &Context) -> Result<(), Error> {
        self.limits.record_failure(context, EventKind::CodeFailed, None, None).await?;
        Err(Error::ChallengeInvalid)
    }
}
