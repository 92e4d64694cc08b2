//! Opaque tokens: strings without meaning to their holders.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{CryptoRng, RngExt as _};
use zeroize::Zeroizing;

use crate::domain::size::Size;

/// An opaque token. Its `Debug` hides it.
#[derive(Clone)]
pub struct OpaqueToken(Zeroizing<String>);

impl OpaqueToken {
    /// Generates a token of 256 random bits.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_bytes(rng.random())
    }

    /// A token from pseudorandom bytes (a keyed digest): unpredictable without the key.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Wraps a text as it is; validation is up to others.
    pub fn from_text(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// `None` if the text is too long for one of our tokens: it is rejected before any digest.
    pub fn check_size(&self, size: Size) -> Option<()> {
        size.fits(&self.0).then_some(())
    }

    /// The token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(..)")
    }
}
