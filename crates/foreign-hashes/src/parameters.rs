//! What some systems keep beside the text of a hash.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Parameters that are not in the text of a hash. All are optional; a format that needs one and was not given it is
/// refused by its name. What a format does not use is ignored, as files give one set of parameters for all their rows.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashParameters {
    /// Firebase: the project's `base64_signer_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer_key: Option<String>,
    /// Firebase: the project's `base64_salt_separator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt_separator: Option<String>,
    /// Firebase: `rounds`, which is scrypt's r. Spring Security's pbkdf2: the iterations, if not the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// Firebase: `mem_cost`, which is the logarithm of scrypt's N.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_cost: Option<u32>,
    /// Firebase: the user's `salt`, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// A secret of the other system: appended to the password (Devise), argon2's `secret`, or appended to the salt (Spring
    /// Security's pbkdf2). Taken as text.
    #[serde(alias = "secret", skip_serializing_if = "Option::is_none")]
    pub pepper: Option<String>,
}

impl fmt::Debug for HashParameters {
    /// Names what is there; the signer key and the pepper are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashParameters")
            .field("signer_key", &self.signer_key.is_some())
            .field("salt_separator", &self.salt_separator.is_some())
            .field("rounds", &self.rounds)
            .field("mem_cost", &self.mem_cost)
            .field("salt", &self.salt.is_some())
            .field("pepper", &self.pepper.is_some())
            .finish()
    }
}
