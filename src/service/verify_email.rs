//! VerifyEmail: a code shows that the address is the user's.

use zeroize::Zeroizing;

use super::{Error, UseCases, fields::check_sizes, mailbox::MailboxPurpose};
use crate::{
    domain::{Caller, size},
    store::EmailVerification,
    token::OpaqueToken,
};

/// What a caller sent.
#[derive(Debug)]
pub struct VerifyEmailRequest {
    /// The verification's secret id.
    pub verification: OpaqueToken,
    /// The code as it was typed.
    pub code: Zeroizing<String>,
}

impl UseCases {
    /// Checks the code; from then on the address counts as verified.
    ///
    /// # Errors
    /// A code that is too long; too many calls from an address; an id or a code that is not valid; no attempts left; too many
    /// failed codes; the store's.
    pub async fn verify_email(
        &self,
        request: VerifyEmailRequest,
        caller: Caller,
    ) -> Result<(), Error> {
        let VerifyEmailRequest { verification, code } = request;
        check_sizes([(size::CODE, &code)])?;
        verification.check_size(size::VERIFICATION_ID).ok_or(Error::ChallengeInvalid)?;
        self.admit(&caller)?;
        let purpose = MailboxPurpose::EmailVerification;
        let (sent, user_id) =
            self.answer_mailbox_code(purpose, &verification, &code, caller).await?;
        let (now, address) = (self.clock.now(), caller.address);
        let verification = EmailVerification { code_id: sent.id, user_id, now, address };
        if self.store.email_verify(verification).await? {
            return Ok(());
        }
        // Another call used the code, or the user has been disabled meanwhile.
        Err(Error::ChallengeInvalid)
    }
}
