//! The allowed algorithms: a short list, which we offer and then insist on.

/// An algorithm of a passkey's signatures (IANA's registry of COSE algorithms).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// All, the preferred one first; authenticators make a key of the first that they know (section 5.4 of WebAuthn names the
    /// same three). EdDSA leads since its signatures take no random number: a weak generator in an authenticator can't give
    /// its key away. ES256 is what nearly all of them have. RS256 is for TPMs that have nothing else.
    pub const OFFERED: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// Its number in COSE.
    pub fn cose(self) -> i32 {
        match self {
            Self::EdDsa => -8,
            Self::Es256 => -7,
            Self::Rs256 => -257,
        }
    }

    /// Its name, as in JOSE.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    pub(super) fn of_cose(number: i128) -> Option<Self> {
        Self::OFFERED.into_iter().find(|algorithm| i128::from(algorithm.cose()) == number)
    }
}
