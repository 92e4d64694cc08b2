//! The purpose of a code.

use serde::{Deserialize, Serialize};

/// The purpose of a mailed code. The stored form never changes: the message in the outbox has the word, its row the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(i16)]
pub enum CodePurpose {
    /// Completes a login.
    Login = 0,
    /// Verifies the e-mail address.
    VerifyEmail = 1,
    /// Resets the password.
    ResetPassword = 2,
    /// Shows that another e-mail address is the user's, before it becomes the account's.
    ChangeEmail = 3,
    /// Logs in without a password.
    EmailLogin = 4,
}

impl CodePurpose {
    /// All purposes.
    pub const ALL: [Self; 5] =
        [Self::Login, Self::VerifyEmail, Self::ResetPassword, Self::ChangeEmail, Self::EmailLogin];

    /// The name in templates and webhooks.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::EmailLogin => "email_login",
        }
    }
}
