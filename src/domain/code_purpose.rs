//! What a code is for.

use serde::{Deserialize, Serialize};

/// What a code that is sent is for. What is kept stays: in the outbox a message has the word, and its row the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(i16)]
pub enum CodePurpose {
    /// To complete a login.
    Login = 0,
    /// To show that an address is the user's.
    VerifyEmail = 1,
    /// To set a new password.
    ResetPassword = 2,
}

impl CodePurpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Login, Self::VerifyEmail, Self::ResetPassword];

    /// The word, as templates and webhooks have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }
}
