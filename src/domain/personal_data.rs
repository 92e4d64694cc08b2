//! What is stored about one user, as they get it. It has no secret, and no digest of one.

use uuid::Uuid;

use super::{Challenge, ManagedUser, Passkey, Session, Timestamp, TrustedDevice};

/// All that is stored about a user but events, which may be many.
#[derive(Debug, Clone)]
pub struct PersonalData {
    /// The account.
    pub account: ManagedUser,
    /// Until when an address that was never verified must be.
    pub verify_by: Option<Timestamp>,
    /// Authenticator apps.
    pub apps: Vec<AuthenticatorApp>,
    /// The recovery codes, if there are any.
    pub recovery_codes: Option<RecoveryCodesLeft>,
    /// Passkeys, the latest first.
    pub passkeys: Vec<Passkey>,
    /// Trusted devices, also those that no longer count.
    pub trusted_devices: Vec<TrustedDevice>,
    /// Addresses of before, the latest first.
    pub former_emails: Vec<FormerEmail>,
    /// Sessions, the latest first.
    pub sessions: Vec<StoredSession>,
    /// Logins that a second factor was asked for, the latest first.
    pub logins: Vec<Challenge>,
    /// Codes for mailboxes, the latest first.
    pub codes: Vec<MailedCode>,
    /// Messages with a code that wait to be sent, the latest first.
    pub messages: Vec<WaitingMessage>,
}

/// An authenticator app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticatorApp {
    /// When its enrolment was begun.
    pub created_at: Timestamp,
    /// Until when that can be confirmed.
    pub expires_at: Timestamp,
    /// When it was.
    pub confirmed_at: Option<Timestamp>,
}

/// Recovery codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryCodesLeft {
    /// How many.
    pub left: u32,
    /// When they were made.
    pub created_at: Timestamp,
}

/// An address of before, to which the account can be moved back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerEmail {
    /// The address as it was typed.
    pub email: String,
    /// Whether it was verified.
    pub was_verified: bool,
    /// When the account got another one.
    pub changed_at: Timestamp,
    /// Until when that can be undone.
    pub expires_at: Timestamp,
}

/// A session, whether it lives or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The session.
    pub session: Session,
    /// When it was revoked by itself.
    pub revoked_at: Option<Timestamp>,
    /// Whether it lives.
    pub is_live: bool,
}

/// A code for a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailedCode {
    /// When it was made.
    pub created_at: Timestamp,
    /// Expiry.
    pub expires_at: Timestamp,
    /// When it was used.
    pub consumed_at: Option<Timestamp>,
    /// Codes tried for it.
    pub attempts: u32,
    /// The address that the account is to get by it.
    pub new_email: Option<String>,
    /// The audience of the login that it is for.
    pub audience: Option<String>,
    /// The user's name for the device of that login.
    pub device_name: Option<String>,
    /// The known device that the login came from.
    pub device_id: Option<Uuid>,
}

/// A message that is not sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingMessage {
    /// When it was written.
    pub created_at: Timestamp,
    /// Until when it is of any use.
    pub expires_at: Timestamp,
}
