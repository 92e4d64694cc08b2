//! Key rollover: which signing key signs, and which ones are published. Times alone decide, so replicas that see the same
//! keys agree without coordination.

use std::time::Duration;

use super::{CLOCK_SKEW, Timestamp};

/// The `Cache-Control` of the key set. Some verifiers cache it longer.
pub const KEY_SET_MAX_AGE: Duration = Duration::from_secs(300);

/// The life of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTimes {
    /// The JWT header `kid`.
    pub kid: String,
    /// The JWS algorithm.
    pub algorithm: String,
    /// Its number among the keys of its algorithm.
    pub generation: i64,
    /// The time of creation and publication.
    pub created_at: Timestamp,
    /// The time of its first signature.
    pub signs_from: Timestamp,
    /// The time of its retirement, if it is retired.
    pub retired_at: Option<Timestamp>,
}

/// The state of a key at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and does not sign yet.
    Next,
    /// Signs.
    Signing,
    /// Signs no more; its tokens are valid until they expire.
    Published,
    /// Retired: its tokens are refused.
    Retired,
    /// Its last token has expired.
    Expired,
}

impl KeyState {
    /// The state's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Signing => "signing",
            Self::Published => "published",
            Self::Retired => "retired",
            Self::Expired => "expired",
        }
    }

    /// Whether the key is in the key set, and its tokens are accepted.
    pub fn is_published(self) -> bool {
        match self {
            Self::Next | Self::Signing | Self::Published => true,
            Self::Retired | Self::Expired => false,
        }
    }
}

/// All keys, with the configured algorithm and lifetime of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySchedule {
    keys: Vec<KeyTimes>,
    algorithm: String,
    token_ttl: Duration,
}

impl KeySchedule {
    /// The schedule of `keys` where `algorithm` is configured and tokens live for `token_ttl`.
    pub fn new(mut keys: Vec<KeyTimes>, algorithm: &str, token_ttl: Duration) -> Self {
        keys.sort_by(|a, b| (b.place(), &b.kid).cmp(&(a.place(), &a.kid)));
        Self { keys, algorithm: algorithm.to_owned(), token_ttl }
    }

    /// The keys, newest first, by start of signing.
    pub fn keys(&self) -> &[KeyTimes] {
        &self.keys
    }

    /// The signing key: the newest of the configured algorithm. Until its first one signs, that of another algorithm.
    pub fn signer(&self, now: Timestamp) -> Option<&KeyTimes> {
        let mut able = self.keys.iter().filter(|key| key.signs_from <= now && self.lives(key, now));
        let any = able.clone().next();
        let ours = able.find(|key| key.algorithm == self.algorithm);
        // The only key is early: a replica whose clock is ahead of ours made it.
        let early = || self.keys.iter().rev().find(|key| self.lives(key, now));
        ours.or(any).or_else(early)
    }

    /// The end of a key's publication: its last tokens, issued when the next key of its algorithm took over, have expired
    /// by then. `None` for a key without a successor.
    pub fn published_until(&self, key: &KeyTimes) -> Option<Timestamp> {
        let follows = |next: &&KeyTimes| {
            next.algorithm == key.algorithm && next.place() > key.place() && next.has_signed()
        };
        let next = self.keys.iter().filter(follows).map(|next| next.signs_from).min();
        let last = next.map(|next| next.plus(self.token_ttl).plus(CLOCK_SKEW));
        // At its retirement at the latest.
        last.into_iter().chain(key.retired_at).min()
    }

    /// The state of a key.
    pub fn state(&self, key: &KeyTimes, now: Timestamp) -> KeyState {
        if key.retired_at.is_some() {
            KeyState::Retired
        } else if !self.lives(key, now) {
            KeyState::Expired
        } else if self.signer(now) == Some(key) {
            KeyState::Signing
        } else if key.signs_from > now {
            KeyState::Next
        } else {
            KeyState::Published
        }
    }

    /// The start of a new key, if one has to be made: because there is none of the configured algorithm, or the newest one
    /// is older than `rotation`. `notice` from now, but at once where no other key can sign.
    pub fn due(&self, now: Timestamp, rotation: Duration, notice: Duration) -> Option<Timestamp> {
        if self.signer(now).is_none() {
            return Some(now);
        }
        // Skip keys from the future, made by a clock that was ahead: the others must not get too old meanwhile.
        let ours = |key: &&KeyTimes| {
            key.algorithm == self.algorithm
                && key.retired_at.is_none()
                && !key.created_at.is_from_the_future(now)
        };
        let fresh = |key: &KeyTimes| now.since(key.created_at) < rotation;
        let newest = self.keys.iter().find(ours);
        (!newest.is_some_and(fresh)).then(|| now.plus(notice))
    }

    /// The number of the configured algorithm's next key.
    pub fn next_generation(&self) -> i64 {
        let ours = self.keys.iter().filter(|key| key.algorithm == self.algorithm);
        ours.map(|key| key.generation).max().unwrap_or(0) + 1
    }

    fn lives(&self, key: &KeyTimes, now: Timestamp) -> bool {
        key.retired_at.is_none() && self.published_until(key).is_none_or(|until| now < until)
    }
}

impl KeyTimes {
    /// The order among the keys of its algorithm.
    fn place(&self) -> (Timestamp, i64) {
        (self.signs_from, self.generation)
    }

    /// Whether the key has ever signed, or will. A key that was retired before its start has replaced none.
    fn has_signed(&self) -> bool {
        self.retired_at.is_none_or(|retired_at| retired_at > self.signs_from)
    }
}

#[cfg(test)]
#[path = "key_schedule_tests.rs"]
mod key_schedule_tests;
