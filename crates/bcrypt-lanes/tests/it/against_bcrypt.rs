//! Equality with the `bcrypt` crate, for one hash at a time.

use bcrypt_lanes::{Cost, Kernel, SALT_BYTES, bcrypt};
use proptest::{array::uniform16, prelude::*};

/// What the `bcrypt` crate says of the same password. Its raw function takes the key with the terminator in place.
pub(crate) fn expected(password: &[u8], salt: [u8; SALT_BYTES], cost: Cost) -> [u8; 24] {
    let mut key = [password, b"\0"].concat();
    key.truncate(72);
    bcrypt::bcrypt(cost.get(), salt, &key)
}

/// 0 to 72 bytes of any value, with NUL bytes and the lengths around the limit more often than by chance.
pub(crate) fn passwords() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => any::<u8>(), 1 => Just(0)];
    let length = prop_oneof![4 => 0..=72_usize, 1 => 70..=72_usize];
    length.prop_flat_map(move |length| prop::collection::vec(byte.clone(), length))
}

/// The low costs.
pub(crate) fn costs() -> impl Strategy<Value = Cost> {
    (4..=6_u32).prop_filter_map("a cost", |cost| Cost::try_from(cost).ok())
}

/// As many cases as a test affords, fewer where `PROPTEST_CASES` says so. Without a file for failures.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: cases.min(default.cases), failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    #[cfg_attr(miri, ignore = "whole hashes: Miri has the single steps of `src/lanes.rs`")]
    fn a_hash_by_itself_equals_the_bcrypt_crates(
        password in passwords(),
        salt in uniform16(any::<u8>()),
        cost in costs(),
    ) {
        let expected = expected(&password, salt, cost);
        for kernel in Kernel::available() {
            prop_assert_eq!(bcrypt(kernel, &password, &salt, cost), Ok(expected), "{}", kernel);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "whole hashes: Miri has the single steps of `src/lanes.rs`")]
fn every_password_length_and_the_bytes_at_its_ends_count() {
    for length in 0..=72 {
        let password: Vec<u8> = (1..).take(length).collect();
        let expected = expected(&password, [3; 16], Cost::MIN);
        for kernel in Kernel::available() {
            assert_eq!(
                bcrypt(kernel, &password, &[3; 16], Cost::MIN),
                Ok(expected),
                "{kernel}, {length} bytes"
            );
        }
    }
}
