//! VerifyEmail: a code proves that the address is the user's.

use zeroize::Zeroizing;

use super::{Mailbox, code::MailboxPurpose};
use crate::{
    domain::{Context, OneTimeCode, Username, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
    },
    store::MailboxProof,
    token::OpaqueToken,
};

/// The request.
#[derive(Debug)]
pub struct VerifyEmailRequest {
    /// The verification's secret id.
    pub verification: OpaqueToken,
    /// The code as it was typed.
    pub code: Zeroizing<String>,
    /// Another username for a pending user, where the one of Register is taken; may be empty.
    pub username: String,
}

impl Mailbox {
    /// Checks the code and marks the address as verified. It is this user's now: other accounts that claim it end. A pending user
    /// becomes one by it.
    ///
    /// # Errors
    /// A text that can't be a code; too many calls from an address; an id or a code that is not valid; no attempts
    /// left; too many failed codes; a pending user's name that is taken; the store's.
    pub async fn verify_email(
        &self,
        context: &Context,
        request: VerifyEmailRequest,
    ) -> Result<(), Error> {
        let VerifyEmailRequest { verification, code, username } = request;
        check_sizes([(size::CODE, &code), (size::USERNAME, &username)])?;
        verification.check_size(size::VERIFICATION_ID).ok_or(Error::ChallengeInvalid)?;
        self.limits.admit(context)?;
        let (code, username) = parse(&code, &username)?;
        let purpose = MailboxPurpose::EmailVerification;
        let (sent, user_id) =
            self.answer_mailbox_code(context, purpose, &verification, &code).await?;
        if sent.is_pending {
            return self.complete(context, (&sent, user_id), username).await;
        }
        let at = self.sessions.revoking(context, self.clock.now());
        if self.store.email_verify(MailboxProof { code_id: sent.id, user_id, at }).await? {
            return Ok(());
        }
        // A race: another call used the code, the user was disabled, or another account has verified the address.
        Err(Error::ChallengeInvalid)
    }
}

fn parse(code: &str, username: &str) -> Result<(OneTimeCode, Option<Username>), Error> {
    let mut fields = Fields::default();
    let code = fields.check(OneTimeCode::of_a_mail(size::CODE, code));
    let another = Some(username).filter(|typed| !typed.is_empty());
    let username = fields.check(another.map(Username::parse).transpose());
    fields.all(code.zip(username))
}
