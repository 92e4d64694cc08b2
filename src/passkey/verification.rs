//! How much a ceremony asks of user verification.

/// Whether the authenticator is to find out who its user is (PIN, finger, face): section 5.8.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserVerification {
    /// It must: an answer without is refused. What logs in without a password needs it, to be two factors.
    #[default]
    Required,
    /// It should, if it can; an answer without is accepted.
    Preferred,
    /// It need not: a touch is enough.
    Discouraged,
}

impl UserVerification {
    /// Its word in the options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Discouraged => "discouraged",
        }
    }
}
