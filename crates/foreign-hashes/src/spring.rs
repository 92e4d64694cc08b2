//! Spring Security's `Pbkdf2PasswordEncoder`: hexadecimal salt and digest, and nothing of what it was made with. A secret
//! is appended to the salt.

use crate::{
    HashParameters, Refused,
    pbkdf2::{Hash, Prf},
    text::Reader,
};

const READER: Reader = Reader("spring-pbkdf2");
const DIGEST: usize = 32;

/// The defaults of the encoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults {
    prf: Prf,
    iterations: u32,
    salt: usize,
}

/// `defaultsForSpringSecurity_v5_8`.
pub(crate) const V5_8: Defaults = Defaults { prf: Prf::Sha256, iterations: 310_000, salt: 16 };
/// `defaultsForSpringSecurity_v5_5`.
pub(crate) const V5_5: Defaults = Defaults { prf: Prf::Sha1, iterations: 185_000, salt: 8 };

impl Defaults {
    /// Characters of such a text.
    pub(crate) const fn length(self) -> usize {
        2 * (self.salt + DIGEST)
    }
}

/// Whether a text is one of these, with or without its `{pbkdf2}`: then the pepper is part of its salt already.
pub(crate) fn takes_pepper(text: &str) -> bool {
    let text = text.rsplit_once('}').map_or(text, |(_, rest)| rest);
    let length = text.len() == V5_8.length() || text.len() == V5_5.length();
    length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads the hexadecimal text.
pub(crate) fn parse(
    defaults: Defaults,
    text: &str,
    given: &HashParameters,
) -> Result<Hash, Refused> {
    let Defaults { prf, iterations, salt } = defaults;
    let bytes = READER.hex("its text", text, (salt + DIGEST, salt + DIGEST))?;
    let (salt, digest) = bytes.split_at(salt);
    let secret = given.pepper.as_deref().unwrap_or_default().as_bytes();
    let iterations = given.rounds.unwrap_or(iterations);
    Hash::from_parts(prf, iterations, [salt, secret].concat(), digest.to_vec())
}
