//! What was found out about tokens, in memory: verifying a signature costs more than all else that an introspection does.

use std::{
    collections::HashMap,
    fmt, mem,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::hmac::{self, HMAC_SHA256};

/// A digest of a token, by a key of this process: no valid token stays in memory longer than its call.
type Digest = [u8; 32];

/// At most `capacity` tokens, in two generations: when the younger is full, the older is dropped and they change places.
/// Tokens in use have been copied to the younger by then.
pub struct Remembered<T> {
    key: hmac::Key,
    capacity: usize,
    halves: RwLock<Halves<T>>,
}

struct Halves<T> {
    younger: HashMap<Digest, Arc<T>>,
    older: HashMap<Digest, Arc<T>>,
}

impl<T> Remembered<T> {
    /// Remembers nothing yet.
    pub fn new(capacity: usize) -> Self {
        let key = hmac::Key::new(HMAC_SHA256, &rand::random::<[u8; 32]>());
        let halves = Halves { younger: HashMap::new(), older: HashMap::new() };
        Self { key, capacity, halves: RwLock::new(halves) }
    }

    /// What is remembered of the token; else what `find` finds, which is then remembered. Only what is found: callers who
    /// invent tokens fill no memory.
    ///
    /// # Errors
    /// Those of `find`.
    pub fn or_else<E>(&self, jwt: &str, find: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut digest = Digest::default();
        digest.copy_from_slice(hmac::sign(&self.key, jwt.as_bytes()).as_ref());
        let (found, is_young) = match self.get(&digest) {
            Some((found, is_young)) => (found, is_young),
            None => (Arc::new(find()?), false),
        };
        if !is_young {
            self.insert(digest, Arc::clone(&found));
        }
        Ok(found)
    }

    fn get(&self, digest: &Digest) -> Option<(Arc<T>, bool)> {
        let halves = self.halves.read().unwrap_or_else(PoisonError::into_inner);
        let young = halves.younger.get(digest).map(|found| (Arc::clone(found), true));
        young.or_else(|| halves.older.get(digest).map(|found| (Arc::clone(found), false)))
    }

    fn insert(&self, digest: Digest, found: Arc<T>) {
        let mut halves = self.halves.write().unwrap_or_else(PoisonError::into_inner);
        if halves.younger.len() >= self.capacity / 2 {
            halves.older = mem::take(&mut halves.younger);
        }
        halves.younger.insert(digest, found);
    }
}

impl<T> fmt::Debug for Remembered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `jwts` had to be found.
    fn found<'a>(remembered: &Remembered<()>, jwts: impl IntoIterator<Item = &'a str>) -> usize {
        let mut count = 0;
        for jwt in jwts {
            let find = || {
                count += 1;
                Ok::<_, ()>(())
            };
            remembered.or_else(jwt, find).unwrap();
        }
        count
    }

    #[test]
    fn a_token_is_found_once_and_what_is_in_use_stays() {
        let remembered = Remembered::new(8);
        let others: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        let often = others.iter().flat_map(|other| ["often", other.as_str()]);
        assert_eq!(found(&remembered, often), 101);
        let halves = remembered.halves.read().unwrap();
        assert!(halves.younger.len() + halves.older.len() <= 8, "no more than its capacity");
    }

    #[test]
    fn what_is_no_token_is_not_remembered() {
        let remembered = Remembered::new(8);
        assert_eq!(remembered.or_else("bad", || Err(())), Err(()));
        assert_eq!(found(&remembered, ["bad", "bad"]), 1);
    }

    #[test]
    fn neither_the_token_nor_its_plain_digest_is_kept() {
        let digests = [(); 2].map(|()| {
            let remembered = Remembered::new(8);
            found(&remembered, ["token"]);
            let halves = remembered.halves.read().unwrap();
            halves.younger.keys().copied().next().unwrap()
        });
        assert_ne!(digests[0], digests[1], "each process has a key of its own");
    }
}
