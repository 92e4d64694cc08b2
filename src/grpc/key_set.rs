//! The answer of GetJwks, made once for each key set.

use std::sync::{Arc, Mutex, PoisonError};

use super::convert;
use crate::{pb, service::Jwks};

/// The last answer, and the key set that it tells.
#[derive(Debug, Default)]
pub struct KeySet(Mutex<Option<(Arc<Jwks>, pb::GetJwksResponse)>>);

impl KeySet {
    /// The answer that tells `jwks`.
    pub(super) fn of(&self, jwks: &Arc<Jwks>) -> pb::GetJwksResponse {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((told, answer)) if Arc::ptr_eq(told, jwks) => answer.clone(),
            Some(_) | None => last.insert((Arc::clone(jwks), answer(jwks))).1.clone(),
        }
    }
}

fn answer(jwks: &Jwks) -> pb::GetJwksResponse {
    let keys = jwks.keys.iter().cloned().map(convert::jwk).collect();
    pb::GetJwksResponse { jwks_json: jwks.json.clone().into_bytes(), keys }
}
