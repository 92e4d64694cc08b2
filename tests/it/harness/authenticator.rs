//! An authenticator app: by RFC 6238 and RFC 4648, and with nothing of ours.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

use super::clock::TestClock;

/// An app with one secret.
#[derive(Debug)]
pub struct App(Key);

impl App {
    /// The app once it has read a Key URI.
    pub fn scan(uri: &str) -> Self {
        let (_, secret) = uri.split_once("secret=").unwrap();
        Self::of(secret.split('&').next().unwrap())
    }

    /// The app once somebody has typed a secret in.
    pub fn of(base32: &str) -> Self {
        Self(Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes_of(base32)))
    }

    /// What it shows in a time step.
    pub fn code(&self, step: i64) -> String {
        let digest = sign(&self.0, &step.to_be_bytes());
        let offset = usize::from(digest.as_ref()[19] & 15);
        let number = u32::from_be_bytes(digest.as_ref()[offset..offset + 4].try_into().unwrap());
        format!("{:06}", (number & 0x7FFF_FFFF) % 1_000_000)
    }

    /// What it shows now.
    pub fn code_at(&self, clock: &TestClock) -> String {
        self.code(step(clock))
    }
}

/// The time step of this moment.
pub fn step(clock: &TestClock) -> i64 {
    clock.now().unix_seconds() / 30
}

/// The bytes of base32 without padding (RFC 4648, section 6).
pub fn bytes_of(base32: &str) -> Vec<u8> {
    let bits: String = base32
        .bytes()
        .map(|letter| match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => panic!("not base32: {base32}"),
        })
        .map(|value| format!("{value:05b}"))
        .collect();
    let whole = bits.as_bytes().chunks_exact(8);
    whole.map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap()).collect()
}
