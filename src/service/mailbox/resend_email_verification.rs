//! ResendEmailVerification: another code for an unverified address, requested with the id from its registration.

use super::{Mailbox, code::MailboxPurpose};
use crate::{
    domain::{Context, InvalidField, size},
    service::Error,
    token::{OpaqueToken, VerificationId},
};

impl Mailbox {
    /// Sends a code to the address of the verification's user. The address alone is not enough: a stranger can't have a
    /// mailbox's owner verify an account that is not theirs.
    ///
    /// # Errors
    /// A missing id; one that is not ours, or whose user is deleted, disabled or verified; the cool-down; too many
    /// calls or mails; the store's.
    pub async fn resend_email_verification(
        &self,
        context: &Context,
        verification: &OpaqueToken,
    ) -> Result<OpaqueToken, Error> {
        verification.check_size(size::VERIFICATION_ID).ok_or(Error::ChallengeInvalid)?;
        self.limits.admit(context)?;
        if verification.expose().is_empty() {
            let problem = "must be the id that Register returned; an address is not enough";
            return Err(InvalidField::new("verification_id", problem).into());
        }
        let id = VerificationId::parse(verification.expose());
        let user_id = id.and_then(|id| id.user(&self.master_key)).ok_or(Error::ChallengeInvalid)?;
        let found = self.store.user_by_id(user_id).await?;
        let Some(found) = found else {
            let pending = self.store.pending_user_by_id(user_id, self.clock.now()).await?;
            let pending = pending.ok_or(Error::ChallengeInvalid)?;
            return self.send_pending_code(context, &pending.user).await;
        };
        let waits =
            Some(found).filter(|found| MailboxPurpose::EmailVerification.is_for(&found.user));
        self.send_verification(context, &waits.ok_or(Error::ChallengeInvalid)?).await
    }
}
