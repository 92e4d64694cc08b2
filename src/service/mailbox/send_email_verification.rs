//! SendEmailVerification: another code for a user whose address is not verified, who is known by their token.

use super::{Mailbox, code::MailboxPurpose};
use crate::{
    domain::{Context, Email},
    service::{Error, sessions::Account},
    store::Credentials,
    token::{OpaqueToken, VerificationId},
};

impl Mailbox {
    /// Sends a code. Returns the id that it belongs to.
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

    /// Sends a code to the address of somebody who is known to be the account's, under an id of its own: an earlier one keeps
    /// its code and its attempts.
    pub(super) async fn send_verification(
        &self,
        context: &Context,
        credentials: &Credentials,
    ) -> Result<OpaqueToken, Error> {
        let user = &credentials.user;
        let (purpose, email) = (MailboxPurpose::EmailVerification, Email::parse(&user.email)?);
        // The mails of all accounts that claim the address count together, the wrong codes of each by themselves.
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
