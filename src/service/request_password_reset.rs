//! RequestPasswordReset: a code for whoever has forgotten their password.

use super::{Error, UseCases, mailbox::Errand};
use crate::{
    domain::{Caller, Email, LoginName, Timestamp},
    token::OpaqueToken,
};

/// What a caller sent.
#[derive(Debug)]
pub struct RequestPasswordResetRequest {
    /// The user's e-mail address.
    pub email: String,
    /// What an earlier login gave the device; may be empty.
    pub device_token: OpaqueToken,
}

/// A reset as its caller sees it.
#[derive(Debug)]
pub struct PendingReset {
    /// The secret id.
    pub token: OpaqueToken,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl UseCases {
    /// Sends a code, where there is somebody to get one. The answer does not tell.
    ///
    /// # Errors
    /// A bad field; the cool-down; too many calls or mails; the store's.
    pub async fn request_password_reset(
        &self,
        request: RequestPasswordResetRequest,
        caller: Caller,
    ) -> Result<PendingReset, Error> {
        let email = Email::parse(&request.email)?;
        self.admit(&caller)?;
        let name = LoginName::Email(email.key().to_owned());
        let found = self.store.user_by_login(&name).await?;
        // Strangers who use up the limits of the address do not keep its owner from a reset.
        let device_id =
            found.as_ref().and_then(|found| self.known_device(found, &request.device_token));
        let found = found.filter(|found| found.user.disabled_at.is_none());
        let recipient = found.as_ref().map(|found| (&found.user, found.credential_version));
        let errand = Errand::PasswordReset;
        let budget = self.mailbox_budget(errand.label(), &email, device_id);
        let (token, expires_at) = self.send_errand(errand, recipient, budget).await?;
        Ok(PendingReset { token, expires_at })
    }
}
