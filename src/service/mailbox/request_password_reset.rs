//! RequestPasswordReset: a code for a user who has forgotten the password.

use super::{Mailbox, code::PendingMailboxCode};
use crate::{domain::Context, service::Error, token::OpaqueToken};

/// The request.
#[derive(Debug)]
pub struct RequestPasswordResetRequest {
    /// The user's e-mail address.
    pub email: String,
    /// The device token of an earlier login; may be empty.
    pub device_token: OpaqueToken,
}

impl Mailbox {
    /// Sends a code, if an account has the address. The answer is the same without one (user enumeration).
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
