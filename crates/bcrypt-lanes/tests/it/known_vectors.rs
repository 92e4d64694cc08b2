//! bcrypt strings that are published with other implementations.

use bcrypt_lanes::{Cost, Error, Kernel, bcrypt};

const VECTORS: &[(&str, &str)] = &[
    ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
    ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
    ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("abcdefghijklmnopqrstuvwxyz", "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"),
    // 72 bytes: the key is full, no terminator follows.
    (
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
];

#[test]
#[cfg_attr(miri, ignore = "whole hashes: Miri has the single steps of `src/lanes.rs`")]
fn published_strings_come_out_of_every_kernel() -> Result<(), Error> {
    for kernel in Kernel::available() {
        for (password, string) in VECTORS {
            let cost: u32 = string[4..6].parse().unwrap_or_default();
            let salt = decode::<16>(&string[7..29]);
            let digest = bcrypt(kernel, password.as_bytes(), &salt, Cost::try_from(cost)?)?;
            assert_eq!(digest[..23], decode::<23>(&string[29..]), "{kernel}: {password:?}");
        }
    }
    Ok(())
}

/// bcrypt's own base64: another alphabet, no padding.
fn decode<const BYTES: usize>(text: &str) -> [u8; BYTES] {
    const ALPHABET: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let bits = |at: usize| ALPHABET.find(&text[at..=at]).unwrap_or_default();
    let bit = |at: usize| bits(at / 6) >> (5 - at % 6) & 1;
    std::array::from_fn(|byte| {
        (0..8).fold(0, |value, at| value << 1 | u8::from(bit(8 * byte + at) == 1))
    })
}
