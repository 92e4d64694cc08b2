//! Security notices to users, and their built-in templates.

use serde::{Deserialize, Serialize};

/// A built-in template: kind, part, text.
pub(super) type Template = (&'static str, &'static str, &'static str);

/// The built-in templates of some kinds, as files beside this one.
macro_rules! templates {
    ($($kind:literal),+) => {
        &[$(
            ($kind, "subject.txt", include_str!(concat!("templates/", $kind, ".subject.txt"))),
            ($kind, "txt", include_str!(concat!("templates/", $kind, ".txt"))),
            ($kind, "html", include_str!(concat!("templates/", $kind, ".html"))),
        )+]
    };
}

pub(super) use templates;

/// A notice is a line here, and three templates.
macro_rules! notices {
    ($($(#[$doc:meta])+ $name:ident = $word:literal,)+) => {
        /// A security notice. It holds no secret.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Notice {
            $($(#[$doc])+ $name,)+
        }

        impl Notice {
            /// All notices.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$name),+];

            pub(super) const TEMPLATES: &'static [Template] = templates!($($word),+);

            /// The name, as templates and webhooks have it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

notices! {
    /// The password was changed.
    PasswordChanged = "password_changed",
    /// Logins need a second factor from now on.
    TwoFactorOn = "two_factor_on",
    /// Logins need the password alone from now on.
    TwoFactorOff = "two_factor_off",
    /// An administrator has turned two-factor login off, and deleted the passkeys.
    FactorsReset = "factors_reset",
    /// An authenticator app was added or replaced.
    AppAdded = "app_added",
    /// Recovery codes were replaced; the old ones no longer work.
    RecoveryCodesReplaced = "recovery_codes_replaced",
    /// The account was deleted.
    AccountDeleted = "account_deleted",
    /// A recovery code was used.
    RecoveryCodeUsed = "recovery_code_used",
    /// A recovery code was used, and none is left.
    LastRecoveryCodeUsed = "last_recovery_code_used",
    /// Several wrong codes were typed by a caller with the right password.
    WrongCodes = "wrong_codes",
    /// A refresh token was used twice, so its session has been revoked: the token may be stolen (reuse detection).
    RefreshReused = "refresh_reused",
    /// The account has moved to this address.
    EmailAdded = "email_added",
    /// Somebody has asked to move another account to this address, which this one has.
    EmailInUse = "email_in_use",
    /// A change of the address was undone.
    EmailChangeUndone = "email_change_undone",
    /// The username was changed.
    UsernameChanged = "username_changed",
    /// A passkey was added.
    PasskeyAdded = "passkey_added",
    /// A passkey was deleted.
    PasskeyDeleted = "passkey_deleted",
    /// A passkey was refused whose counter did not go up: there may be a copy of it.
    PasskeyCopied = "passkey_copied",
    /// All that is stored about the user was exported.
    DataExported = "data_exported",
    /// A deletion of the account was undone.
    DeletionUndone = "deletion_undone",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_kept_by_its_word() {
        for notice in Notice::ALL {
            assert_eq!(serde_json::to_value(notice).unwrap(), notice.as_str());
        }
    }
}
