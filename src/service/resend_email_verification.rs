//! ResendEmailVerification: another code for an address that is not verified yet.

use super::{Error, UseCases, mailbox::Errand};
use crate::{
    domain::{Caller, Email, LoginName},
    token::OpaqueToken,
};

impl UseCases {
    /// Sends a code, where there is somebody to get one. The answer does not tell.
    ///
    /// # Errors
    /// A bad field; the cool-down; too many calls or mails; the store's.
    pub async fn resend_email_verification(
        &self,
        email: &str,
        caller: Caller,
    ) -> Result<OpaqueToken, Error> {
        let email = Email::parse(email)?;
        self.admit(&caller)?;
        let name = LoginName::Email(email.key().to_owned());
        let found = self.store.user_by_login(&name).await?;
        let found =
            found.filter(|found| found.user.disabled_at.is_none() && !found.user.email_verified);
        let recipient = found.as_ref().map(|found| (&found.user, found.credential_version));
        let errand = Errand::EmailVerification;
        let budget = self.mailbox_budget(errand.label(), &email, None);
        let (verification, _) = self.send_errand(errand, recipient, budget).await?;
        Ok(verification)
    }
}
