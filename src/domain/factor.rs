//! Second factors: the possible answers to a challenge.

use super::AuthMethod;

/// A kind of proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// A code from the mailbox.
    EmailCode,
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    RecoveryCode,
    /// An assertion of a passkey.
    Passkey,
}

impl Factor {
    /// The factors that can answer a challenge of a user who has these.
    ///
    /// With an app the mailbox is not offered: its reader may get the password reset there, and one mailbox must not count
    /// as two factors (ASVS 6.4.3). Beside a passkey it is: a user may have it for logins, and the mailbox as the factor.
    pub fn offered(has_app: bool, has_recovery_codes: bool, has_passkeys: bool) -> Vec<Self> {
        let passkey = has_passkeys.then_some(Self::Passkey);
        let code = if has_app { Self::Totp } else { Self::EmailCode };
        let recovery = has_recovery_codes.then_some(Self::RecoveryCode);
        passkey.into_iter().chain([code]).chain(recovery).collect()
    }

    /// The authentication methods (`amr`) of a login with a password and this factor.
    ///
    /// A recovery code is no "otp": services that ask for one want to know that the phone was at hand.
    pub fn methods(self) -> &'static [AuthMethod] {
        match self {
            Self::EmailCode | Self::Totp => {
                &[AuthMethod::Password, AuthMethod::OneTimeCode, AuthMethod::MultiFactor]
            }
            Self::RecoveryCode => &[AuthMethod::Password, AuthMethod::MultiFactor],
            Self::Passkey => {
                &[AuthMethod::Password, AuthMethod::ProofOfPossession, AuthMethod::MultiFactor]
            }
        }
    }

    /// Parses the output of [`Factor::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::EmailCode, Self::Totp, Self::RecoveryCode, Self::Passkey]
            .into_iter()
            .find(|factor| factor.as_str() == text)
    }

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmailCode => "email_code",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_no_factor_beside_an_app() {
        assert_eq!(Factor::offered(false, false, false), [Factor::EmailCode]);
        assert_eq!(Factor::offered(false, true, false), [Factor::EmailCode, Factor::RecoveryCode]);
        assert_eq!(Factor::offered(true, false, false), [Factor::Totp]);
        assert_eq!(Factor::offered(true, true, false), [Factor::Totp, Factor::RecoveryCode]);
        assert_eq!(Factor::offered(false, false, true), [Factor::Passkey, Factor::EmailCode]);
        assert_eq!(Factor::offered(true, false, true), [Factor::Passkey, Factor::Totp]);
    }

    #[test]
    fn each_factor_is_read_back_by_its_word() {
        for factor in [Factor::EmailCode, Factor::Totp, Factor::RecoveryCode, Factor::Passkey] {
            assert_eq!(Factor::parse(factor.as_str()), Some(factor));
        }
        assert_eq!(Factor::parse("pigeon"), None);
    }
}
