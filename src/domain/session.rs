//! Sessions: what a completed login begins.

use uuid::Uuid;

use super::Timestamp;

/// How a person showed who they are (RFC 8176).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// A password.
    Password,
    /// A one-time code.
    OneTimeCode,
    /// More than one factor.
    MultiFactor,
}

impl AuthMethod {
    /// The value in the claim `amr`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::OneTimeCode => "otp",
            Self::MultiFactor => "mfa",
        }
    }
}

/// A login that is complete. Its id is the claim `sid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The session's id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// Whom its tokens are for.
    pub audience: String,
    /// What the user calls the device; may be empty.
    pub device_name: String,
    /// How the user showed who they are.
    pub methods: Vec<AuthMethod>,
    /// When it began: the claim `auth_time`.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}
