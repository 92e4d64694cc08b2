//! md5-crypt's digest (FreeBSD's `crypt-md5.c`, 1994).

use md5::{Digest as _, Md5};

/// The sixteen bytes before they are encoded.
pub(crate) fn digest(password: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password);
    let inner: [u8; 16] = inner.finalize().into();

    let mut outer = Md5::new().chain_update(password).chain_update(b"$1$").chain_update(salt);
    for chunk in password.chunks(16) {
        outer.update(inner.get(..chunk.len()).unwrap_or(&inner));
    }
    let mut length = password.len();
    while length > 0 {
        // A mistake of the first implementation that all others copy: a NUL or the first character, never the digest.
        let byte = if length & 1 == 1 { &[0] } else { password.get(..1).unwrap_or_default() };
        outer.update(byte);
        length >>= 1;
    }
    let mut state: [u8; 16] = outer.finalize().into();

    for round in 0..1000 {
        let (odd, mut md5) = (round % 2 == 1, Md5::new());
        md5.update(if odd { password } else { &state });
        if round % 3 != 0 {
            md5.update(salt);
        }
        if round % 7 != 0 {
            md5.update(password);
        }
        md5.update(if odd { &state } else { password });
        state = md5.finalize().into();
    }
    state
}
