//! ResendEmailVerification: another code for an address that is not verified yet.

use super::{
    Error, UseCases,
    mailbox::{MailboxPurpose, PendingMailboxCode},
};
use crate::domain::Caller;

impl UseCases {
    /// Sends a code, where there is somebody to get one. The answer does not tell.
    ///
    /// # Errors
    /// A bad field; the cool-down; too many calls or mails; the store's.
    pub async fn resend_email_verification(
        &self,
        email: &str,
        caller: Caller,
    ) -> Result<PendingMailboxCode, Error> {
        self.begin_mailbox_code(MailboxPurpose::EmailVerification, email, None, caller).await
    }
}
