//! The code that logs a user in without a password (ADR 55).
//!
//! No user enumeration: whoever asks learns nothing of the account. As with resets, an address that nobody has, or nobody has verified, gets
//! the same rows and a decoy.

use super::{
    Mailbox,
    code::{MailboxPurpose, PendingMailboxCode},
};
use crate::{
    domain::{Context, Email},
    service::{
        Error,
        retries::{Retries, Retry},
    },
    store::{CodeDestination, MailboxCode, NewMailboxCode},
    token::OpaqueToken,
};

impl Mailbox {
    /// Sends a code to the address, if an account has verified it. `destination` has no device yet: it is the one of the token, if that
    /// is known.
    ///
    /// # Errors
    /// The cool-down; too many mails; the store's.
    pub(in crate::service) async fn send_login_code(
        &self,
        context: &Context,
        (email, device_token): (&Email, &OpaqueToken),
        destination: CodeDestination,
        (retries, retry): (&Retries, &Retry),
    ) -> Result<PendingMailboxCode, Error> {
        let purpose = MailboxPurpose::EmailLogin;
        let (token, new, device_id) =
            self.code_for_address(context, purpose, email, device_token).await?;
        let pending = PendingMailboxCode { token, expires_at: new.code.expires_at };
        let login = Some(Box::new(CodeDestination { device_id, ..destination }));
        let code = MailboxCode { login, ..new.code };
        let carried_out = retries.carried_out(retry, &pending.to_bytes())?;
        self.store.mailbox_code_create(NewMailboxCode { code, carried_out, ..new }).await?;
        self.outbox.wake();
        Ok(pending)
    }
}
