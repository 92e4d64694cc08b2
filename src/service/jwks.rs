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
    /// Who issues the tokens.
    pub fn issuer(&self) -> &str {
        self.tokens.issuer()
    }

    /// The JWS algorithm of the tokens.
    pub fn algorithm(&self) -> &'static str {
        self.tokens.key().algorithm().as_str()
    }

    /// The published key set. With HS256 there is nothing to publish.
    pub fn jwks(&self) -> Jwks {
        Jwks { keys: self.tokens.public_keys() }
    }
}
