//! A cache of tokens with verified signatures.
//!
//! Verifying a signature costs more than all else that an empty RPC does. Only immutable facts are cached: time and
//! revocations are checked at each request. Only valid tokens get in, so that an attacker cannot fill it without logging
//! in.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::Claims;

/// A digest, so that no valid token stays in memory longer than its request.
type Digest = [u8; 32];

/// At most `capacity` tokens, in two generations: when the younger is full, the older is dropped and they change places.
/// Tokens in use have been copied to the younger by then.
pub(crate) struct Remembered {
    capacity: usize,
    halves: RwLock<Halves>,
}

#[derive(Default)]
struct Halves {
    younger: HashMap<Digest, Arc<Claims>>,
    older: HashMap<Digest, Arc<Claims>>,
}

impl Remembered {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, halves: RwLock::default() }
    }

    /// The claims of `jwt` from the cache; else those of `open`, which are then cached.
    pub(crate) fn or_else<E>(
        &self,
        jwt: &str,
        open: impl FnOnce() -> Result<Claims, E>,
    ) -> Result<Arc<Claims>, E> {
        if self.capacity < 2 {
            return open().map(Arc::new);
        }
        let mut key = Digest::default();
        key.copy_from_slice(digest(&SHA256, jwt.as_bytes()).as_ref());
        let (claims, is_young) = match self.get(&key) {
            Some((claims, is_young)) => (claims, is_young),
            None => (Arc::new(open()?), false),
        };
        if !is_young {
            self.insert(key, Arc::clone(&claims));
        }
        Ok(claims)
    }

    fn get(&self, key: &Digest) -> Option<(Arc<Claims>, bool)> {
        let halves = self.halves.read().unwrap_or_else(PoisonError::into_inner);
        let young = halves.younger.get(key).map(|claims| (Arc::clone(claims), true));
        young.or_else(|| halves.older.get(key).map(|claims| (Arc::clone(claims), false)))
    }

    fn insert(&self, key: Digest, claims: Arc<Claims>) {
        let mut halves = self.halves.write().unwrap_or_else(PoisonError::into_inner);
        if halves.younger.len() >= self.capacity / 2 {
            halves.older = mem::take(&mut halves.younger);
        }
        halves.younger.insert(key, claims);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of cache misses among `jwts`.
    fn opened<'a>(remembered: &Remembered, jwts: impl IntoIterator<Item = &'a str>) -> usize {
        let mut count = 0;
        for jwt in jwts {
            let open = || {
                count += 1;
                Ok::<_, ()>(Claims::sample(0))
            };
            remembered.or_else(jwt, open).unwrap();
        }
        count
    }

    #[test]
    fn a_token_is_opened_once_and_what_is_in_use_stays() {
        let remembered = Remembered::new(8);
        let others: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        let often = others.iter().flat_map(|other| ["often", other.as_str()]);
        assert_eq!(opened(&remembered, often), 101);
        let halves = remembered.halves.read().unwrap();
        assert!(halves.younger.len() + halves.older.len() <= 8, "no more than its capacity");
    }

    #[test]
    fn a_token_that_does_not_open_is_not_remembered_and_neither_is_any_where_that_is_off() {
        let remembered = Remembered::new(8);
        assert_eq!(remembered.or_else("bad", || Err(())), Err(()));
        assert_eq!(opened(&remembered, ["bad", "bad"]), 1);
        assert_eq!(opened(&Remembered::new(0), ["good", "good"]), 2);
    }
}
