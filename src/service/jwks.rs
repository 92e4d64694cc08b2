//! GetJwks: what others verify access tokens with.

use serde::Serialize;

use super::UseCases;
use crate::token::PublicKey;

/// A JWK set (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<PublicKey>,
}

impl UseCases {
    /// The published key set. With HS256 there is nothing to publish.
    pub fn jwks(&self) -> Jwks {
        Jwks { keys: self.tokens.public_keys() }
    }
}
