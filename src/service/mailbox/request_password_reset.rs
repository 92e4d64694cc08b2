//! RequestPasswordReset: a code for whoever has forgotten their password.

use super::{Mailbox, code::PendingMailboxCode};
use crate::{domain::Context, service::Error, token::OpaqueToken};

/// What a caller sent.
#[derive(Debug)]
pub struct RequestPasswordResetRequest {
    /// The user's e-mail address.
    pub email: String,
    /// What an earlier login gave the device; may be empty.
    pub device_token: OpaqueToken,
}

impl Mailbox {
    /// Sends a code, where there is somebody to get one. The answer does not tell.
    ///
    /// # Errors
    /// A bad field; the cool-down; too many calls or mails; the store's.
    pub async fn request_password_reset(
        &self,
        context: &Context,
        request: RequestPasswordResetRequest,
    ) -> Result<PendingMailboxCode, Error> {
        let RequestPasswordResetRequest { email, device_token } = request;
        self.begin_reset(context, &email, &device_token).await
    }
}
