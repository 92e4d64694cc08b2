//! VerifyEmail: a code shows that the address is the user's.

use zeroize::Zeroizing;

use super::{Error, UseCases, mailbox::Errand};
use crate::token::OpaqueToken;

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
    /// An id or a code that is not valid; no attempts left; too many failed codes; the store's.
    pub async fn verify_email(&self, request: VerifyEmailRequest) -> Result<(), Error> {
        let VerifyEmailRequest { verification, code } = request;
        let errand = Errand::EmailVerification;
        let (sent, user_id) = self.answer_errand(errand, &verification, &code).await?;
        // A user who has been disabled meanwhile, or another call with this code.
        if self.store.email_verify(sent.id, user_id, self.clock.now()).await? {
            return Ok(());
        }
        Err(Error::ChallengeInvalid)
    }
}
