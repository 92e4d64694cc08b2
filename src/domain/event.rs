//! Events: what matters for security, as it is recorded (ADR 17).

use std::net::IpAddr;

use uuid::Uuid;

use super::{Actor, Timestamp};

/// What happened. The names are stored: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// An account was made.
    Registered,
    /// A login is complete: its session has begun.
    LoginSucceeded,
    /// A login was refused: no such user, a wrong password, or a disabled account.
    LoginFailed,
    /// The password was right, and the login waits for the second factor.
    ChallengeBegun,
    /// An attempt at a challenge that did not complete the login, or a wrong code of a mailbox.
    CodeFailed,
    /// A password was wrong that was to confirm a request: of a session, or a Register that is repeated.
    ConfirmationFailed,
    /// A session was ended before its time.
    SessionRevoked,
    /// All sessions of the user were ended but the one that asked; without one, all of them.
    SessionsRevoked,
    /// A refresh token was used again, which ended its session.
    RefreshReused,
    /// There is another password.
    PasswordChanged,
    /// Somebody asked for a code with which to set another password.
    ResetRequested,
    /// Whoever reads the mailbox has set another password.
    PasswordReset,
    /// The address has been shown to be the user's.
    EmailVerified,
    /// The account is gone. Without a session it ended because nobody had verified its address.
    UserDeleted,
    /// An operator has disabled the account, and ended its sessions.
    UserDisabled,
    /// An operator has enabled the account again.
    UserEnabled,
    /// A login needs a second factor from then on.
    TwoFactorOn,
    /// A login needs the password alone from then on; without a session it was an operator who did it.
    TwoFactorOff,
    /// An authenticator app was added, or took another one's place.
    AppAdded,
    /// There are new recovery codes.
    RecoveryCodesReplaced,
    /// A recovery code was used: a login was completed, or a password reset, with it.
    RecoveryCodeUsed,
    /// The database was restored as it was earlier, and everybody's sessions and codes have ended.
    DatabaseRestored,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 22] = [
        Self::Registered,
        Self::LoginSucceeded,
        Self::LoginFailed,
        Self::ChallengeBegun,
        Self::CodeFailed,
        Self::ConfirmationFailed,
        Self::SessionRevoked,
        Self::SessionsRevoked,
        Self::RefreshReused,
        Self::PasswordChanged,
        Self::ResetRequested,
        Self::PasswordReset,
        Self::EmailVerified,
        Self::UserDeleted,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::TwoFactorOn,
        Self::TwoFactorOff,
        Self::AppAdded,
        Self::RecoveryCodesReplaced,
        Self::RecoveryCodeUsed,
        Self::DatabaseRestored,
    ];

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::LoginSucceeded => "login_succeeded",
            Self::LoginFailed => "login_failed",
            Self::ChallengeBegun => "challenge_begun",
            Self::CodeFailed => "code_failed",
            Self::ConfirmationFailed => "confirmation_failed",
            Self::SessionRevoked => "session_revoked",
            Self::SessionsRevoked => "sessions_revoked",
            Self::RefreshReused => "refresh_reused",
            Self::PasswordChanged => "password_changed",
            Self::ResetRequested => "reset_requested",
            Self::PasswordReset => "password_reset",
            Self::EmailVerified => "email_verified",
            Self::UserDeleted => "user_deleted",
            Self::UserDisabled => "user_disabled",
            Self::UserEnabled => "user_enabled",
            Self::TwoFactorOn => "two_factor_on",
            Self::TwoFactorOff => "two_factor_off",
            Self::AppAdded => "app_added",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::DatabaseRestored => "database_restored",
        }
    }
}

/// Something that happened. There is nowhere to put a text that somebody typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The event's id.
    pub id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// To whose account; nothing if the login named none that exists. The user may be gone by now.
    pub user_id: Option<Uuid>,
    /// The session that began, ended, or asked.
    pub session_id: Option<Uuid>,
    /// Who did it, as far as the request had shown; nothing in rows of a release that did not record it.
    pub actor: Option<Actor>,
    /// Where the request came from, if that is known.
    pub address: Option<IpAddr>,
    /// When.
    pub at: Timestamp,
}

impl Event {
    /// An event under an id of its own.
    pub fn of(
        kind: EventKind,
        user_id: Option<Uuid>,
        session_id: Option<Uuid>,
        actor: Actor,
        address: Option<IpAddr>,
        at: Timestamp,
    ) -> Self {
        Self { id: Uuid::now_v7(), kind, user_id, session_id, actor: Some(actor), address, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_by_a_name_of_its_own() {
        for kind in EventKind::ALL {
            let name = kind.as_str();
            assert_eq!(EventKind::parse(name), Some(kind));
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        }
        assert_eq!(EventKind::parse("Registered"), None);
    }
}
