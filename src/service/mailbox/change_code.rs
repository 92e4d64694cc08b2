//! The code that shows that another address is a user's, before their account moves to it (ADR 51).
//!
//! No user enumeration: whoever asks learns nothing of another account with that address. The same rows are written; its owner gets
//! the mail, and nobody a code that counts.

use tokio::time::{Instant, sleep_until};

use super::{
    Mailbox,
    code::{ANSWERED_AFTER, MailboxPurpose, PendingMailboxCode, Recipient},
};
use crate::{
    delivery::Notice,
    domain::{Context, Email, LoginName, UndoCode, User},
    service::{
        Error,
        retries::{Retries, Retry},
        sessions::Account,
    },
    store::{MailboxCode, NewMailboxCode, SealedCode, SealedMessage},
    token::{OpaqueToken, Purpose},
};

impl Mailbox {
    /// Sends a code to the address, or tells its owner if another account has it.
    ///
    /// # Errors
    /// The cool-down; too many mails; the store's.
    pub(in crate::service) async fn send_change_code(
        &self,
        context: &Context,
        account: &Account,
        email: &Email,
        (retries, retry): (&Retries, &Retry),
    ) -> Result<PendingMailboxCode, Error> {
        let begun = Instant::now();
        let (token, new) = self.change_code(context, account, email).await?;
        let pending = PendingMailboxCode { token, expires_at: new.code.expires_at };
        let carried_out = retries.carried_out(retry, &pending.to_bytes())?;
        self.store.mailbox_code_create(NewMailboxCode { carried_out, ..new }).await?;
        self.outbox.wake();
        sleep_until(begun + ANSWERED_AFTER).await;
        Ok(pending)
    }

    async fn change_code(
        &self,
        context: &Context,
        account: &Account,
        email: &Email,
    ) -> Result<(OpaqueToken, NewMailboxCode), Error> {
        let purpose = MailboxPurpose::EmailChange;
        let credentials = account.credentials();
        let user_id = credentials.user.id;
        let budget = self.limits.mailbox_budget(purpose.label(), email, Some(user_id));
        let mails = self.limits.asked_mail_charges(purpose.label(), email, false, context.address);
        self.limits.charge(mails).await?;
        let token = OpaqueToken::generate(&mut rand::rng());
        let new = |recipient: Recipient<'_>| {
            self.new_mailbox_code(context, purpose, &token, recipient, budget)
        };
        if let Some(holder) = self.holder(email).await?.filter(|holder| holder.id != user_id) {
            let new = new(Recipient::Nobody(email))?;
            let message = self.outbox.notice(context, &holder, Notice::EmailInUse)?;
            // As the code's message in all that the store goes by.
            let code = new.message.code.map(|code| SealedCode { user_id, ..code });
            return Ok((
                token,
                NewMailboxCode { message: SealedMessage { code, ..message }, ..new },
            ));
        }
        let there = User { email: email.as_str().to_owned(), ..credentials.user.clone() };
        let new = new(Recipient::User(&there, credentials.credential_version))?;
        let code = MailboxCode { new_email: Some(there.email), ..new.code };
        Ok((token, NewMailboxCode { code, ..new }))
    }

    /// The digest of a code that undoes a change or a deletion, as the purpose says: the only trace of it. It is keyed: a stolen table
    /// allows no offline brute force, and the time of a look-up tells nothing about its bytes (timing attack).
    pub(in crate::service) fn undo_mac(&self, purpose: Purpose, code: &UndoCode) -> [u8; 32] {
        self.master_key.digest(purpose, &[code.expose().as_bytes()])
    }

    /// The user who has the address for good: who has verified it, or who has it at all, where addresses are not verified.
    pub(super) async fn holder(&self, email: &Email) -> Result<Option<User>, Error> {
        let name = LoginName::Email(email.key().to_owned());
        let found = self.store.user_by_login(&name).await?.map(|found| found.user);
        Ok(found.filter(|user| user.email_verified || !self.policy.email_verification))
    }
}
