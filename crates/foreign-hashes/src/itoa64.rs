//! The base64 of `crypt(3)`: the lowest six bits first, and the bytes in an order of each format's own.

use crate::{Refused, text::Reader};

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The place of a character in the alphabet.
pub(crate) fn value(character: u8) -> Option<u8> {
    let place = ALPHABET.iter().position(|known| *known == character)?;
    u8::try_from(place).ok()
}

/// A digest of this many characters of the alphabet.
pub(crate) fn digest(reader: Reader, text: &str, length: usize) -> Result<&str, Refused> {
    if text.is_empty() {
        return Err(reader.missing("digest"));
    }
    if !text.bytes().all(|byte| value(byte).is_some()) {
        return Err(reader.encoding("digest", "base64 as crypt(3) has it"));
    }
    reader.length("digest", text.as_bytes(), (length, length))?;
    Ok(text)
}

/// Appends the lowest `characters` times six bits of `bits`.
fn push(text: &mut String, mut bits: u32, characters: usize) {
    for _ in 0..characters {
        let digit = ALPHABET.get((bits & 63) as usize).copied().unwrap_or(b'.');
        text.push(char::from(digit));
        bits >>= 6;
    }
}

fn bits(high: u8, middle: u8, low: u8) -> u32 {
    u32::from_be_bytes([0, high, middle, low])
}

/// Three bytes after another, the first the lowest: phpass and Drupal.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place| chunk.get(place).copied().unwrap_or(0);
        push(&mut text, bits(byte(2), byte(1), byte(0)), chunk.len() + 1);
    }
    text
}

/// md5-crypt's order.
pub(crate) fn md5(digest: &[u8; 16]) -> String {
    let mut text = String::new();
    for [high, middle, low] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        push(&mut text, bits(digest[high], digest[middle], digest[low]), 4);
    }
    push(&mut text, bits(0, 0, digest[11]), 2);
    text
}

/// sha256-crypt's order: the thirds of the digest, rotated by one from group to group.
pub(crate) fn sha256(digest: &[u8; 32]) -> String {
    let mut text = String::new();
    let mut places = [0, 10, 20];
    for _ in 0..10 {
        let [high, middle, low] = places;
        push(&mut text, bits(digest[high], digest[middle], digest[low]), 4);
        places = [low + 1, high + 1, middle + 1];
    }
    push(&mut text, bits(0, digest[31], digest[30]), 3);
    text
}

/// sha512-crypt's order: as sha256-crypt's, rotated the other way.
pub(crate) fn sha512(digest: &[u8; 64]) -> String {
    let mut text = String::new();
    let mut places = [0, 21, 42];
    for _ in 0..21 {
        let [high, middle, low] = places;
        push(&mut text, bits(digest[high], digest[middle], digest[low]), 4);
        places = [middle + 1, low + 1, high + 1];
    }
    push(&mut text, bits(0, 0, digest[63]), 2);
    text
}
