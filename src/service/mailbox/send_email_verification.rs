//! SendEmailVerification: another code for an authenticated user whose address is not verified.

use super::{Mailbox, code::MailboxPurpose};
use crate::{
    domain::{Context, Email},
    service::{Error, sessions::Account},
    store::Credentials,
    token::{OpaqueToken, VerificationId},
};

impl Mailbox {
    /// Sends a code. Returns its id.
    ///
    /// # Errors
    /// An address that is verified already; the cool-down; too many calls or mails; the store's.
    pub async fn send_email_verification(
        &self,
        context: &Context,
        account: &Account,
    ) -> Result<OpaqueToken, Error> {
        self.limits.admit(context)?;
        if account.user().email_verified {
            return Err(Error::EmailVerified);
        }
        self.send_verification(context, account.credentials()).await
    }

    /// Sends a code to the address of the account, under a new id: earlier ids keep their codes and attempts. The
    /// caller must have proved to be the account's user.
    pub(super) async fn send_verification(
        &self,
        context: &Context,
        credentials: &Credentials,
    ) -> Result<OpaqueToken, Error> {
        let user = &credentials.user;
        let (purpose, email) = (MailboxPurpose::EmailVerification, Email::parse(&user.email)?);
        // The mails of all accounts that claim the address share a budget; the wrong codes of each count by themselves.
        let budget = self.limits.mailbox_budget(purpose.label(), &email, Some(user.id));
        let mails = self.limits.asked_mail_charges(purpose.label(), &email, false, context.address);
        self.limits.charge(mails).await?;
        let id = VerificationId::next(&self.master_key, user.id).text();
        let new = self.new_mailbox_code(context, purpose, &id, credentials.into(), budget)?;
        self.store.mailbox_code_create(new).await?;
        self.outbox.wake();
        Ok(id)
    }
}
