//! How sure a login is of its user (authentication context class).

use super::AuthMethod;

/// The claim `acr` (RFC 9068, section 2.2.1), the weaker first. The values are ours: there is no register of them that fits, and one of
/// NIST's or of a federation would promise what only an operator can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assurance {
    /// A password, or another single proof.
    OneFactor,
    /// Two proofs of different kinds.
    TwoFactors,
    /// A passkey, alone or beside a password: no other site can ask for it (OpenID Connect EAP ACR Values, section 2).
    PhishingResistant,
}

impl Assurance {
    /// What these methods of a login amount to.
    pub fn of(methods: &[AuthMethod]) -> Self {
        if methods.contains(&AuthMethod::ProofOfPossession) {
            Self::PhishingResistant
        } else if methods.contains(&AuthMethod::MultiFactor) {
            Self::TwoFactors
        } else {
            Self::OneFactor
        }
    }

    /// The value of the claim.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneFactor => "1fa",
            Self::TwoFactors => "2fa",
            Self::PhishingResistant => "phr",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Factor, FirstProof};

    #[test]
    fn each_proof_has_its_class() {
        assert_eq!(Assurance::of(&[AuthMethod::Password]), Assurance::OneFactor);
        for factor in [Factor::EmailCode, Factor::Totp, Factor::RecoveryCode] {
            assert_eq!(Assurance::of(factor.methods()), Assurance::TwoFactors, "{factor:?}");
        }
        for methods in [Factor::Passkey.methods(), AuthMethod::OF_A_PASSKEY] {
            assert_eq!(Assurance::of(methods), Assurance::PhishingResistant);
        }
        assert_eq!(Assurance::of(FirstProof::Mailbox.methods()), Assurance::OneFactor);
        let app_beside_mailbox = FirstProof::Mailbox.methods_with(Factor::Totp);
        assert_eq!(Assurance::of(&app_beside_mailbox), Assurance::TwoFactors);
        assert!(Assurance::OneFactor < Assurance::TwoFactors);
        assert!(Assurance::TwoFactors < Assurance::PhishingResistant);
    }
}
