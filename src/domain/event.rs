//! Events: entries of the audit log (ADR 17).

use std::net::IpAddr;

use uuid::Uuid;

use super::{Actor, ServiceAccountId, Timestamp};

/// The kind of an event. The names are stored: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// An account was created.
    Registered,
    /// A login was completed: its session has begun.
    LoginSucceeded,
    /// A login was refused: no such user, a wrong password, or a disabled account.
    LoginFailed,
    /// The password was right, and the login waits for its second factor.
    ChallengeBegun,
    /// The user of a session proved once more who they are.
    Reauthenticated,
    /// A failed attempt at a challenge, or a wrong mailbox code.
    CodeFailed,
    /// A wrong password that was to confirm a request: of a session, or a repeated Register.
    ConfirmationFailed,
    /// A session was revoked.
    SessionRevoked,
    /// All sessions of the user were revoked but the one that asked; without one, all of them.
    SessionsRevoked,
    /// A refresh token was reused, which revoked its session.
    RefreshReused,
    /// The password was changed.
    PasswordChanged,
    /// A code for a password reset was requested.
    ResetRequested,
    /// The password was reset by a code from the mailbox.
    PasswordReset,
    /// The e-mail address was verified.
    EmailVerified,
    /// The account was deleted. Without a session: it expired because its address was never verified.
    UserDeleted,
    /// An operator disabled the account and revoked its sessions.
    UserDisabled,
    /// An operator enabled the account again.
    UserEnabled,
    /// Two-factor login was turned on.
    TwoFactorOn,
    /// Two-factor login was turned off; without a session, by an operator.
    TwoFactorOff,
    /// An authenticator app was added or replaced.
    AppAdded,
    /// Recovery codes were replaced.
    RecoveryCodesReplaced,
    /// A recovery code was used for a login or a password reset.
    RecoveryCodeUsed,
    /// The database was restored from a back-up, and all sessions and codes have ended.
    DatabaseRestored,
    /// A service account was created.
    ServiceAccountCreated,
    /// The grants, the public keys or the workloads of a service account were changed.
    ServiceAccountChanged,
    /// A service account was disabled, and its tokens have ended.
    ServiceAccountDisabled,
    /// A service account was enabled again.
    ServiceAccountEnabled,
    /// A service account was deleted, and its tokens have ended.
    ServiceAccountDeleted,
    /// A key of a service account was created.
    ServiceKeyCreated,
    /// A key of a service account was revoked.
    ServiceKeyRevoked,
    /// All tokens of a service account have ended.
    ServiceTokensEnded,
    /// A service ended one token of its own.
    ServiceTokenRevoked,
    /// A service has exchanged a user's token, to act for them.
    TokenExchanged,
    /// An administrator created an account.
    UserCreated,
    /// An administrator changed the username, the address, the metadata or the claims of an account.
    UserChanged,
    /// An administrator changed the roles of an account.
    RolesChanged,
    /// An administrator set a password, and all sessions have ended.
    PasswordSet,
    /// An administrator turned the second factor off.
    FactorsReset,
    /// An administrator forgot the failures that throttled an account.
    UserUnlocked,
    /// A batch of users was imported.
    UsersImported,
    /// An export of users began.
    UsersExported,
    /// An export of users with password hashes and secrets began.
    SecretsExported,
    /// A subscription to events was created.
    SubscriptionCreated,
    /// A subscription to events was deleted.
    SubscriptionDeleted,
    /// A subscription was disabled after a day of failed deliveries.
    SubscriptionDisabled,
    /// An administrator changed what a replica logs.
    LogFilterChanged,
    /// The user changed the address, by a code sent to the new one.
    EmailChanged,
    /// A change of the address was undone, by the code sent to the former one, and all sessions have ended.
    EmailChangeUndone,
    /// The user changed the username.
    UsernameChanged,
    /// The user added a passkey.
    PasskeyAdded,
    /// The user deleted a passkey.
    PasskeyDeleted,
    /// A passkey was refused whose counter did not go up: there may be a copy of it.
    PasskeyCopied,
    /// A code for a login without a password was requested.
    EmailLoginRequested,
    /// The user exported all that is stored about them.
    DataExported,
    /// The user has deleted the account; that can be undone for a while, and until then nobody logs in.
    DeletionRequested,
    /// A deletion was undone, by the code sent to the user.
    DeletionUndone,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 56] = [
        Self::Registered,
        Self::LoginSucceeded,
        Self::LoginFailed,
        Self::ChallengeBegun,
        Self::Reauthenticated,
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
        Self::ServiceAccountCreated,
        Self::ServiceAccountChanged,
        Self::ServiceAccountDisabled,
        Self::ServiceAccountEnabled,
        Self::ServiceAccountDeleted,
        Self::ServiceKeyCreated,
        Self::ServiceKeyRevoked,
        Self::ServiceTokensEnded,
        Self::ServiceTokenRevoked,
        Self::TokenExchanged,
        Self::UserCreated,
        Self::UserChanged,
        Self::RolesChanged,
        Self::PasswordSet,
        Self::FactorsReset,
        Self::UserUnlocked,
        Self::UsersImported,
        Self::UsersExported,
        Self::SecretsExported,
        Self::SubscriptionCreated,
        Self::SubscriptionDeleted,
        Self::SubscriptionDisabled,
        Self::LogFilterChanged,
        Self::EmailChanged,
        Self::EmailChangeUndone,
        Self::UsernameChanged,
        Self::PasskeyAdded,
        Self::PasskeyDeleted,
        Self::PasskeyCopied,
        Self::EmailLoginRequested,
        Self::DataExported,
        Self::DeletionRequested,
        Self::DeletionUndone,
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
            Self::Reauthenticated => "reauthenticated",
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
            Self::ServiceAccountCreated => "service_account_created",
            Self::ServiceAccountChanged => "service_account_changed",
            Self::ServiceAccountDisabled => "service_account_disabled",
            Self::ServiceAccountEnabled => "service_account_enabled",
            Self::ServiceAccountDeleted => "service_account_deleted",
            Self::ServiceKeyCreated => "service_key_created",
            Self::ServiceKeyRevoked => "service_key_revoked",
            Self::ServiceTokensEnded => "service_tokens_ended",
            Self::ServiceTokenRevoked => "service_token_revoked",
            Self::TokenExchanged => "token_exchanged",
            Self::UserCreated => "user_created",
            Self::UserChanged => "user_changed",
            Self::RolesChanged => "roles_changed",
            Self::PasswordSet => "password_set",
            Self::FactorsReset => "factors_reset",
            Self::UserUnlocked => "user_unlocked",
            Self::UsersImported => "users_imported",
            Self::UsersExported => "users_exported",
            Self::SecretsExported => "secrets_exported",
            Self::SubscriptionCreated => "subscription_created",
            Self::SubscriptionDeleted => "subscription_deleted",
            Self::SubscriptionDisabled => "subscription_disabled",
            Self::LogFilterChanged => "log_filter_changed",
            Self::EmailChanged => "email_changed",
            Self::EmailChangeUndone => "email_change_undone",
            Self::UsernameChanged => "username_changed",
            Self::PasskeyAdded => "passkey_added",
            Self::PasskeyDeleted => "passkey_deleted",
            Self::PasskeyCopied => "passkey_copied",
            Self::EmailLoginRequested => "email_login_requested",
            Self::DataExported => "data_exported",
            Self::DeletionRequested => "deletion_requested",
            Self::DeletionUndone => "deletion_undone",
        }
    }
}

/// An entry of the audit log. It has no field for a text that a caller typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's id.
    pub id: Uuid,
    /// The kind.
    pub kind: EventKind,
    /// The account concerned; `None` if the login named none that exists. The user may be deleted by now.
    pub user_id: Option<Uuid>,
    /// The session that began, ended, or asked.
    pub session_id: Option<Uuid>,
    /// The service account concerned. It may be deleted by now.
    pub service_account_id: Option<ServiceAccountId>,
    /// The subscription concerned. It may be deleted by now.
    pub subscription_id: Option<Uuid>,
    /// The actor, as far as the request had shown; `None` in rows of a release that did not record it.
    pub actor: Option<Actor>,
    /// The client address, if that is known.
    pub address: Option<IpAddr>,
    /// The time.
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
        let (id, actor) = (Uuid::now_v7(), Some(actor));
        let (service_account_id, subscription_id) = (None, None);
        Self {
            id,
            kind,
            user_id,
            session_id,
            service_account_id,
            subscription_id,
            actor,
            address,
            at,
        }
    }

    /// The same event, which concerns a service account.
    #[must_use]
    pub fn about(self, id: ServiceAccountId) -> Self {
        Self { service_account_id: Some(id), ..self }
    }

    /// The same event, which concerns a subscription.
    #[must_use]
    pub fn about_subscription(self, id: Uuid) -> Self {
        Self { subscription_id: Some(id), ..self }
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
