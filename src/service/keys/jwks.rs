//! GetJwks: what others verify access tokens with.

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
    /// How long verifiers may keep it.
    pub const MAX_AGE: Duration = KEY_SET_MAX_AGE;
}

impl Keys {
    /// Who issues the tokens.
    pub fn issuer(&self) -> &str {
        self.tokens.issuer()
    }

    /// The JWS algorithms that tokens may have now: one, but for a while after another one was configured.
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

    /// Whether others may go by the key set while the database is away: it was read so short a time ago that no key that is not in it
    /// can sign yet. That takes the lead, unless one was withdrawn.
    pub fn key_set_is_current(&self) -> bool {
        self.keeper.as_ref().is_none_or(|keeper| self.tokens.ring().age() < keeper.lead)
    }

    /// The published key set, the key that signs first, in the same order on all replicas of one configuration. With HS256 there is
    /// nothing to publish.
    pub fn jwks(&self) -> Jwks {
        Jwks { keys: self.tokens.ring().public_keys(self.clock.now()) }
    }
}
