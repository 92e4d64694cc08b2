//! Opaque tokens: random strings that mean nothing but to the store.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{CryptoRng, RngExt as _};
use zeroize::Zeroizing;

/// 256 random bits in base64url. Its `Debug` hides them.
#[derive(Clone)]
pub struct OpaqueToken(Zeroizing<String>);

impl OpaqueToken {
    /// Draws a token.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(rng.random::<[u8; 32]>())))
    }

    /// Takes what a caller sent; whether it means anything, only the store can tell.
    pub fn from_caller(text: String) -> Self {
        Self(Zeroizing::new(text))
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
