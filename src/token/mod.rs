//! Tokens and the keys behind them: signed access tokens, signing keys, opaque ids, and the master key.
//!
//! The only module that may use jsonwebtoken. It keeps nothing: what must survive a restart goes through the store,
//! encrypted here first.

mod access;
mod algorithm;
mod claims;
mod master_key;
mod opaque;
mod signing_key;

pub use access::{AccessToken, AccessTokens, InvalidToken, Settings};
pub use algorithm::Algorithm;
pub use claims::Claims;
pub use master_key::{MasterKey, Purpose};
pub use opaque::OpaqueToken;
pub use signing_key::{KeyError, PublicKey, SigningKey};
