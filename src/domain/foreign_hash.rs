//! Password hashes of other systems, as they are sent.

use std::fmt;

use zeroize::Zeroizing;

/// A hash, and what belongs to it and is not in its text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ForeignHash {
    /// The hash as its system stores it.
    pub text: Zeroizing<String>,
    /// Firebase: the project's key.
    pub signer_key: Zeroizing<String>,
    /// Firebase: the project's separator.
    pub salt_separator: String,
    /// Firebase: the project's rounds.
    pub rounds: i32,
    /// Firebase: the project's memory cost.
    pub mem_cost: i32,
    /// The salt, in base64, where the text has none.
    pub salt: String,
    /// A secret that was added to the password.
    pub pepper: Zeroizing<String>,
}

impl ForeignHash {
    /// Whether nothing belongs to the text.
    pub fn is_complete(&self) -> bool {
        *self == Self { text: self.text.clone(), ..Self::default() }
    }
}

/// Without the secrets.
impl fmt::Debug for ForeignHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignHash(..)")
    }
}
