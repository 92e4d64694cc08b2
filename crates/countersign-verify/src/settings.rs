//! What a verifier is told: whose tokens it takes, and what it does when the server is away.

use std::{fmt, time::Duration};

use jsonwebtoken::DecodingKey;

use crate::ShortSecret;

/// An algorithm whose keys are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; what a Countersign server uses by default.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// What to do with tokens while revocations can't be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBlind {
    /// Go on: what was revoked meanwhile is accepted until it expires, 15 minutes at the most by the server's default.
    Accept,
    /// Refuse every token once nothing was heard for that long, and not before fifteen seconds, and before the first revocations have come.
    RefuseAfter(Duration),
}

/// The settings of a verifier. Start with [`Settings::new`] and change what you need.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The claim `iss`, to the letter: the server's `COUNTERSIGN_ISSUER`.
    pub issuer: String,
    /// What the claim `aud` must contain: the name of your service, one of the server's `COUNTERSIGN_AUDIENCE`.
    pub audience: String,
    /// The algorithms to take. All three by default; a key is used with its own and no other.
    pub algorithms: Vec<Algorithm>,
    /// The secret of a server with HS256; none by default. Whoever has it can also issue tokens.
    pub shared_secret: Option<SharedSecret>,
    /// How far the clocks of this machine and the server may be apart. Five seconds by default: so much longer a token
    /// counts after it has expired.
    pub leeway: Duration,
    /// How old the key set gets before it is fetched again: five minutes by default. Without the stream of revocations, a key
    /// that the server withdraws counts that much longer.
    pub key_cache: Duration,
    /// How old it may get while the server is away, before everything is refused: an hour by default.
    pub max_key_age: Duration,
    /// What to do when revocations can't be followed. By default tokens are still accepted.
    pub when_blind: WhenBlind,
    /// How many verified tokens are remembered, so that their signatures are not computed again: 10,000 by default,
    /// which takes some 10 MB when all are in use. under 2 turns it off.
    pub remembered_tokens: usize,
}

impl Settings {
    /// Takes tokens of `issuer` for `audience`, with the defaults named at each field.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            algorithms: vec![Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256],
            shared_secret: None,
            leeway: Duration::from_secs(5),
            key_cache: Duration::from_secs(300),
            max_key_age: Duration::from_secs(60 * 60),
            when_blind: WhenBlind::Accept,
            remembered_tokens: 10_000,
        }
    }
}

/// An HS256 secret. `Debug` does not show it.
#[derive(Clone)]
pub struct SharedSecret(DecodingKey);

impl SharedSecret {
    /// Takes the secret's bytes.
    ///
    /// # Errors
    /// There are fewer than 32.
    pub fn parse(bytes: &[u8]) -> Result<Self, ShortSecret> {
        if bytes.len() < 32 { Err(ShortSecret) } else { Ok(Self(DecodingKey::from_secret(bytes))) }
    }

    pub(crate) fn key(&self) -> DecodingKey {
        self.0.clone()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}
