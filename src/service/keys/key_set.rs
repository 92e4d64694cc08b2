//! The key set, and its JSON.

use std::time::Duration;

use serde_json::Value;

use crate::{
    domain::{KEY_SET_MAX_AGE, Timestamp},
    token::{KeyRing, PublicKey, SigningKey},
};

/// A JWK set (RFC 7517, section 5).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Jwks {
    /// The ids of all keys, with those that are not public.
    kids: Vec<String>,
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// The set as JSON.
    pub json: String,
}

impl Jwks {
    /// How long verifiers may cache it.
    pub const MAX_AGE: Duration = KEY_SET_MAX_AGE;

    pub(super) fn of(ring: &KeyRing, now: Timestamp) -> Self {
        let kids = ring.published(now).map(|key| key.kid().to_owned()).collect();
        let keys = ring.public_keys(now);
        let members = keys.iter().map(|key| Value::Object(key.clone().into_members()));
        let set = [("keys".to_owned(), Value::Array(members.collect()))];
        let json = Value::Object(set.into_iter().collect()).to_string();
        Self { kids, keys, json }
    }

    /// Whether the published keys are these, in this order. A kid never gets another key.
    pub(super) fn is_of(&self, ring: &KeyRing, now: Timestamp) -> bool {
        !self.json.is_empty() && ring.published(now).map(SigningKey::kid).eq(&self.kids)
    }
}
