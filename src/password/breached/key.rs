//! What a list keeps of a password: the beginning of its SHA-1, as the published lists have it.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The first 64 bits of a password's SHA-1. The order of keys is that of the hashes.
///
/// SHA-1 is what the lists are made of. Nothing rests on its strength: whoever finds a second password with the hash of a breached
/// one may not use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub u64);

/// Where a key is in a file: a bucket for its first bits, and there the 32 bits that follow. What is behind them is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: u64,
    pub(super) remainder: u32,
}

impl Key {
    /// The key of a password.
    pub fn of(password: &str) -> Self {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(first))
    }

    /// Its place in a file whose buckets have `bits` bits, 32 at the most.
    pub(super) fn place(self, bits: u32) -> Place {
        // The bucket's bits are now the last ones, and those that follow the first.
        let rotated = self.0.rotate_left(bits);
        let [a, b, c, d, ..] = rotated.to_be_bytes();
        let bucket = rotated & ((1 << bits) - 1);
        Place { bucket, remainder: u32::from_be_bytes([a, b, c, d]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_password_is_the_beginning_of_its_sha_1() {
        // FIPS 180, the message "abc".
        assert_eq!(Key::of("abc"), Key(0xa999_3e36_4706_816a));
    }

    #[test]
    fn a_place_is_the_first_bits_and_the_32_that_follow() {
        let key = Key(0x1234_5678_9abc_def0);
        for (bits, bucket, remainder) in [
            (0, 0, 0x1234_5678),
            (4, 0x1, 0x2345_6789),
            (24, 0x0012_3456, 0x789a_bcde),
            (32, 0x1234_5678, 0x9abc_def0),
        ] {
            assert_eq!(key.place(bits), Place { bucket, remainder }, "{bits}");
        }
    }

    #[test]
    fn places_have_the_order_of_keys() {
        let keys = [0, 1 << 40, 1 << 55, 1 << 56, (1 << 56) + (1 << 30), u64::MAX].map(Key);
        let places = keys.map(|key| (key.place(8).bucket, key.place(8).remainder));
        assert!(places.is_sorted(), "{places:?}");
    }
}
