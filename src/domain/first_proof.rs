//! What a login began with, before its second factor.

use super::{AuthMethod, Factor};

/// The first proof of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstProof {
    /// The password.
    Password,
    /// A code that was sent to the mailbox (ADR 55).
    Mailbox,
}

impl FirstProof {
    /// The factors that can come second, for a user who has these. A mailbox never counts as two factors (ASVS 6.4.3), so that none may
    /// be left.
    pub fn factors(
        self,
        has_app: bool,
        has_recovery_codes: bool,
        has_passkeys: bool,
    ) -> Vec<Factor> {
        let mut factors = Factor::offered(has_app, has_recovery_codes, has_passkeys);
        factors.retain(|factor| self.goes_with(*factor));
        factors
    }

    /// Whether the factor proves another thing than this does.
    pub fn goes_with(self, factor: Factor) -> bool {
        match self {
            Self::Password => true,
            Self::Mailbox => factor != Factor::EmailCode,
        }
    }

    /// The authentication methods (`amr`) of a login by this alone.
    pub fn methods(self) -> &'static [AuthMethod] {
        match self {
            Self::Password => &[AuthMethod::Password],
            Self::Mailbox => &[AuthMethod::OneTimeCode],
        }
    }

    /// The authentication methods (`amr`) of a login by this and that factor: those that the factor has beside a password, with this
    /// in the password's place.
    pub fn methods_with(self, factor: Factor) -> Vec<AuthMethod> {
        let own = self.methods();
        let others = factor.methods().iter().copied();
        let others =
            others.filter(|method| *method != AuthMethod::Password && !own.contains(method));
        own.iter().copied().chain(others).collect()
    }

    /// Parses the output of [`FirstProof::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Password, Self::Mailbox].into_iter().find(|proof| proof.as_str() == text)
    }

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Mailbox => "mailbox",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_no_second_factor_beside_itself() {
        let beside_a_mailbox = |app, codes| FirstProof::Mailbox.factors(app, codes, false);
        assert_eq!(beside_a_mailbox(false, false), []);
        assert_eq!(beside_a_mailbox(false, true), [Factor::RecoveryCode]);
        assert_eq!(beside_a_mailbox(true, false), [Factor::Totp]);
        assert_eq!(beside_a_mailbox(true, true), [Factor::Totp, Factor::RecoveryCode]);
        assert_eq!(FirstProof::Password.factors(false, false, false), [Factor::EmailCode]);
        assert_eq!(FirstProof::Mailbox.factors(false, false, true), [Factor::Passkey]);
    }

    #[test]
    fn a_login_without_a_password_does_not_say_that_there_was_one() {
        let words = |factor| AuthMethod::words(&FirstProof::Mailbox.methods_with(factor));
        assert_eq!(AuthMethod::words(FirstProof::Mailbox.methods()), "otp");
        assert_eq!(words(Factor::Totp), "otp mfa");
        assert_eq!(words(Factor::RecoveryCode), "otp mfa");
        assert_eq!(words(Factor::Passkey), "otp pop mfa");
        for factor in [Factor::EmailCode, Factor::Totp, Factor::RecoveryCode, Factor::Passkey] {
            assert_eq!(FirstProof::Password.methods_with(factor), factor.methods(), "{factor:?}");
        }
    }

    #[test]
    fn each_is_read_back_by_its_word() {
        for proof in [FirstProof::Password, FirstProof::Mailbox] {
            assert_eq!(FirstProof::parse(proof.as_str()), Some(proof));
        }
        assert_eq!(FirstProof::parse("pigeon"), None);
    }
}
