//! What is random in a ceremony: its challenge, and the handle by which authenticators know a user.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{CryptoRng, RngExt as _};

/// The challenge of one ceremony (section 13.4.3): 256 bits that nobody else can guess, to be used once. Its `Debug` hides it.
#[derive(Clone)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// A new one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(rng.random())
    }

    /// One that was made before.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its text in options and client data.
    pub(super) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The challenge of a text, as [`Challenge::to_text`] writes it.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Whether a text of client data is this one, in a time that does not tell how much of it is right.
    pub(super) fn is(&self, text: &str) -> bool {
        verify_slices_are_equal(self.to_text().as_bytes(), text.as_bytes()).is_ok()
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(..)")
    }
}

/// What authenticators know a user by (section 14.6.1): random, so that it says nothing about them, and never the user's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserHandle([u8; 64]);

impl UserHandle {
    /// A new one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(rng.random())
    }

    /// One that was made before.
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}
