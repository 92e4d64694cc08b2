//! Events: entries of the audit log (ADR 17).

use std::net::IpAddr;

use uuid::Uuid;

use super::{Actor, ServiceAccountId, Timestamp};

/// A kind of event is a line here.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident = $word:literal,)+) => {
        /// The kind of an event. The names are stored: they never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum EventKind {
            $($(#[$doc])+ $name,)+
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$name),+];

            /// The name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

kinds! {
    /// An account was created.
    Registered = "registered",
    /// A login was completed: its session has begun.
    LoginSucceeded = "login_succeeded",
    /// A login was refused: no such user, a wrong password, or a disabled account.
    LoginFailed = "login_failed",
    /// The password was right, and the login waits for its second factor.
    ChallengeBegun = "challenge_begun",
    /// The user of a session proved once more who they are.
    Reauthenticated = "reauthenticated",
    /// A failed attempt at a challenge, or a wrong mailbox code.
    CodeFailed = "code_failed",
    /// A wrong password that was to confirm a request: of a session, or a repeated Register.
    ConfirmationFailed = "confirmation_failed",
    /// A session was revoked.
    SessionRevoked = "session_revoked",
    /// All sessions of the user were revoked but the one that asked; without one, all of them.
    SessionsRevoked = "sessions_revoked",
    /// A refresh token was reused, which revoked its session.
    RefreshReused = "refresh_reused",
    /// The password was changed.
    PasswordChanged = "password_changed",
    /// A code for a password reset was requested.
    ResetRequested = "reset_requested",
    /// The password was reset by a code from the mailbox.
    PasswordReset = "password_reset",
    /// The e-mail address was verified.
    EmailVerified = "email_verified",
    /// The account was deleted. Without a session: it expired because its address was never verified.
    UserDeleted = "user_deleted",
    /// An operator disabled the account and revoked its sessions.
    UserDisabled = "user_disabled",
    /// An operator enabled the account again.
    UserEnabled = "user_enabled",
    /// Two-factor login was turned on.
    TwoFactorOn = "two_factor_on",
    /// Two-factor login was turned off; without a session, by an operator.
    TwoFactorOff = "two_factor_off",
    /// An authenticator app was added or replaced.
    AppAdded = "app_added",
    /// Recovery codes were replaced.
    RecoveryCodesReplaced = "recovery_codes_replaced",
    /// A recovery code was used for a login or a password reset.
    RecoveryCodeUsed = "recovery_code_used",
    /// The database was restored from a back-up, and all sessions and codes have ended.
    DatabaseRestored = "database_restored",
    /// A service account was created.
    ServiceAccountCreated = "service_account_created",
    /// The grants, the public keys or the workloads of a service account were changed.
    ServiceAccountChanged = "service_account_changed",
    /// A service account was disabled, and its tokens have ended.
    ServiceAccountDisabled = "service_account_disabled",
    /// A service account was enabled again.
    ServiceAccountEnabled = "service_account_enabled",
    /// A service account was deleted, and its tokens have ended.
    ServiceAccountDeleted = "service_account_deleted",
    /// A key of a service account was created.
    ServiceKeyCreated = "service_key_created",
    /// A key of a service account was revoked.
    ServiceKeyRevoked = "service_key_revoked",
    /// All tokens of a service account have ended.
    ServiceTokensEnded = "service_tokens_ended",
    /// A service ended one token of its own.
    ServiceTokenRevoked = "service_token_revoked",
    /// A service has exchanged a user's token, to act for them.
    TokenExchanged = "token_exchanged",
    /// An administrator created an account.
    UserCreated = "user_created",
    /// An administrator changed the username, the address, the metadata or the claims of an account.
    UserChanged = "user_changed",
    /// An administrator changed the roles of an account.
    RolesChanged = "roles_changed",
    /// An administrator set a password, and all sessions have ended.
    PasswordSet = "password_set",
    /// An administrator turned the second factor off.
    FactorsReset = "factors_reset",
    /// An administrator forgot the failures that throttled an account.
    UserUnlocked = "user_unlocked",
    /// A batch of users was imported.
    UsersImported = "users_imported",
    /// An export of users began.
    UsersExported = "users_exported",
    /// An export of users with password hashes and secrets began.
    SecretsExported = "secrets_exported",
    /// A subscription to events was created.
    SubscriptionCreated = "subscription_created",
    /// A subscription to events was deleted.
    SubscriptionDeleted = "subscription_deleted",
    /// A subscription was disabled after a day of failed deliveries.
    SubscriptionDisabled = "subscription_disabled",
    /// An administrator changed what a replica logs.
    LogFilterChanged = "log_filter_changed",
    /// The user changed the address, by a code sent to the new one.
    EmailChanged = "email_changed",
    /// A change of the address was undone, by the code sent to the former one, and all sessions have ended.
    EmailChangeUndone = "email_change_undone",
    /// The user changed the username.
    UsernameChanged = "username_changed",
    /// The user added a passkey.
    PasskeyAdded = "passkey_added",
    /// The user deleted a passkey.
    PasskeyDeleted = "passkey_deleted",
    /// A passkey was refused whose counter did not go up: there may be a copy of it.
    PasskeyCopied = "passkey_copied",
    /// A code for a login without a password was requested.
    EmailLoginRequested = "email_login_requested",
    /// The user exported all that is stored about them.
    DataExported = "data_exported",
    /// The user has deleted the account; that can be undone for a while, and until then nobody logs in.
    DeletionRequested = "deletion_requested",
    /// A deletion was undone, by the code sent to the user.
    DeletionUndone = "deletion_undone",
    /// A login was completed on a device that the account did not know, and not for the first time.
    NewDeviceLogin = "new_device_login",
    /// A device became a trusted one: its logins need no second factor for a while.
    DeviceTrusted = "device_trusted",
    /// The user ended the trust of a device.
    TrustedDeviceRevoked = "trusted_device_revoked",
}

impl EventKind {
    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
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
