//! UndoDeletion: whoever reads the mailbox has the account again, by the code that was sent there when it was deleted (ADR 57).

use super::{
    Accounts,
    undo_request::{TRIES, UndoRequest},
};
use crate::{
    delivery::Notice,
    domain::{Context, EventKind, UndoCode},
    service::{Error, retries::Retry},
    store::{DeletionUndoing, Revoking},
    token::Purpose,
};

impl Accounts {
    /// Undoes a deletion, while there is time. Sessions stay ended, and the password by itself opens nothing any more: whoever deleted the
    /// account knew it.
    ///
    /// # Errors
    /// Bad fields; too many calls or failures of an address; a code that is not valid; the store's.
    pub async fn undo_deletion(
        &self,
        context: &Context,
        request: UndoRequest,
    ) -> Result<(), Error> {
        request.check_sizes()?;
        self.limits.admit(context)?;
        let (code, request_id) = request.parse()?;
        let parts = [code.expose().as_bytes()];
        let retry = self.retries.of(request_id, "UndoDeletion", &parts);
        let first = self.revive(context, &code, &retry);
        self.retries.once(&retry, first, |_empty| async { Ok(()) }).await
    }

    async fn revive(&self, context: &Context, code: &UndoCode, retry: &Retry) -> Result<(), Error> {
        let code_mac = self.mailbox.undo_mac(Purpose::DeletionUndo, code);
        let attempt =
            self.limits.charge(self.limits.undo_charges(&code_mac, context.address)).await?;
        for _ in 0..TRIES {
            let now = self.clock.now();
            let Some(user_id) = self.store.deletion_find(code_mac, now).await? else { break };
            let Some(found) = self.store.user_by_id(user_id).await? else { break };
            let credential_version = found.credential_version;
            let notice = self.outbox.notice(context, &found.user, Notice::DeletionUndone)?;
            let at = Revoking {
                carried_out: self.retries.carried_out(retry, &[])?,
                ..self.sessions.revoking(context, now)
            };
            let undoing = DeletionUndoing { code_mac, user_id, credential_version, at };
            // If not, that is a race: the janitor or another caller was first, or an administrator has set another password.
            if self.store.deletion_undo(undoing, notice).await? {
                self.outbox.wake();
                return self.limits.take_back(&attempt).await;
            }
        }
        self.limits.record_failure(context, EventKind::CodeFailed, None, None).await?;
        Err(Error::ChallengeInvalid)
    }
}
