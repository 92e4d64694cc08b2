//! The key sets of service accounts, by their URLs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{cached::CachedKeys, source::KeySource};
use crate::domain::FetchUrl;

/// The most key sets that are kept; beyond that the one that was used longest ago makes room.
const MOST: usize = 1000;

/// Key sets in memory.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<FetchUrl, Arc<CachedKeys>>>);

impl Places {
    /// The key set at `url`, which may still have to be fetched.
    pub(super) fn at(&self, url: FetchUrl) -> Arc<CachedKeys> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = places.get(&url) {
            return Arc::clone(known);
        }
        if places.len() >= MOST {
            let oldest = places.iter().min_by_key(|(_, keys)| keys.used_at());
            if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
                places.remove(&oldest);
            }
        }
        let keys = Arc::new(CachedKeys::new(KeySource::of_url(url.clone())));
        places.insert(url, Arc::clone(&keys));
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_url_has_one_key_set_and_there_are_not_too_many() {
        let places = Places::default();
        let at = |number: usize| {
            places.at(FetchUrl::parse(&format!("https://keys.example/{number}")).unwrap())
        };
        assert!(Arc::ptr_eq(&at(0), &at(0)));
        for number in 0..MOST + 10 {
            at(number);
        }
        assert_eq!(places.0.lock().unwrap().len(), MOST);
    }
}
