//! GetJwks: the keys with which other services verify access tokens. Over HTTP: `http/routes.rs`.

use std::sync::{Arc, PoisonError};

use super::{Keys, key_set::Jwks};

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
    /// HS256. It is made anew only where the keys are others.
    pub fn jwks(&self) -> Arc<Jwks> {
        let (ring, now) = (self.tokens.ring(), self.clock.now());
        let mut made = self.jwks.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.is_of(&ring, now) {
            *made = Arc::new(Jwks::of(&ring, now));
        }
        Arc::clone(&made)
    }
}
