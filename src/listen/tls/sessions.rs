//! Sessions that clients may resume: in memory, bounded, for one configuration alone.
//!
//! There are no stateless tickets: no key that would open them all has to be guarded, and a TLS 1.3 ticket works once.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

/// The sessions that are kept. One that is pushed out costs its client a full handshake.
const MOST: usize = 1024;

/// The sessions of one configuration.
#[derive(Debug)]
pub(super) struct Sessions(RwLock<Arc<ServerSessionMemoryCache>>);

impl Sessions {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(RwLock::new(ServerSessionMemoryCache::new(MOST))))
    }

    /// Forgets all sessions: the next handshake of each client is a full one.
    pub(super) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            ServerSessionMemoryCache::new(MOST);
    }

    fn kept(&self) -> Arc<ServerSessionMemoryCache> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.kept().put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept().get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept().take(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}
