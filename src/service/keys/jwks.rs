//! GetJwks: the keys with which other services verify access tokens. Over HTTP: `http/routes.rs`.

use std::time::Duration;

use serde::Serialize;

use super::Keys;
use crate::{domain::KEY_SET_MAX_AGE, token::PublicKey};

/// A JWK set (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<PublicKey>,
}

impl Jwks {
    /// How long verifiers may cache it.
    pub const MAX_AGE: Duration = KEY_SET_MAX_AGE;
}

impl Keys {
    /// The issuer of the tokens.
    pub fn issuer(&self) -> &str {
        self.tokens.issuer()
    }

    /// The JWS algorithms of valid tokens: one, but for a while after the configured one changed.
    pub fn algorithms(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for key in self.tokens.ring().published(self.clock.now()) {
            let name = key.algorithm().as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether verifiers may use the key set while the database is unavailable: it was read so recently that no key
    /// missing from it can sign yet. A new key waits for the lead, unless one was withdrawn.
    pub fn key_set_is_current(&self) -> bool {
        self.keeper.as_ref().is_none_or(|keeper| self.tokens.ring().age() < keeper.lead)
    }

    /// The published key set, the signing key first, in the same order on all replicas of one configuration. Empty with
    /// HS256.
    pub fn jwks(&self) -> Jwks {
        Jwks { keys: self.tokens.ring().public_keys(self.clock.now()) }
    }
}
