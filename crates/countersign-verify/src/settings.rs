//! Settings of a verifier: the tokens to accept, and the behaviour while the server is away.

use std::{fmt, time::Duration};

use jsonwebtoken::DecodingKey;

use crate::ShortSecret;

/// An algorithm with public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; the default of a Countersign server.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// The policy for tokens while revocations can't be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBlind {
    /// Fail open: revoked tokens are accepted until they expire, 15 minutes at most by the server's default.
    Accept,
    /// Fail closed: refuse every token once there was no message for that long, at least fifteen seconds, and before the
    /// replay; and, where a newer server has revoked something that this release does not know, every token that was
    /// issued before that.
    RefuseAfter(Duration),
}

/// The settings of a verifier. Start with [`Settings::new`] and change what you need.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The claim `iss`, to the letter: the server's `COUNTERSIGN_ISSUER`.
    pub issuer: String,
    /// A required member of the claim `aud`: the name of your service, one of the server's `COUNTERSIGN_AUDIENCE`.
    pub audience: String,
    /// The accepted algorithms. All three by default; a key is used with its own and no other.
    pub algorithms: Vec<Algorithm>,
    /// The secret of a server with HS256; none by default. Every holder can also issue tokens.
    pub shared_secret: Option<SharedSecret>,
    /// The allowed clock skew between this machine and the server. Five seconds by default: so much longer a token is
    /// accepted after its expiry.
    pub leeway: Duration,
    /// The age at which the key set is fetched again: five minutes by default. Without the stream of revocations, a
    /// withdrawn key is accepted that much longer.
    pub key_cache: Duration,
    /// Its maximum age while the server is away, after which every token is refused: an hour by default.
    pub max_key_age: Duration,
    /// The policy while revocations can't be followed. By default tokens are still accepted.
    pub when_blind: WhenBlind,
    /// The size of the cache of verified tokens, which saves verifying their signatures again: 10,000 by default, which
    /// takes some 10 MB when full. Under 2 turns it off.
    pub remembered_tokens: usize,
}

impl Settings {
    /// Accepts tokens of `issuer` for `audience`, with the defaults named at each field.
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
    /// Wraps the secret's bytes.
    ///
    /// # Errors
    /// The secret has fewer than 32 bytes.
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
