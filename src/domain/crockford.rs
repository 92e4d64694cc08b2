//! Codes of letters and digits that people type: Crockford's base 32, in which no letter could be read as another.

use zeroize::Zeroizing;

use super::typed;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Encodes the last `5 * length` bits of `bits` in `length` characters.
pub(super) fn write(bits: u128, length: usize) -> Zeroizing<String> {
    let letter = |place: usize| char::from(ALPHABET[(bits >> (5 * place) & 31) as usize]);
    Zeroizing::new((0..length).map(letter).collect())
}

/// Reads a typed code: in any case, with or without dashes and spaces, with digits of other scripts, and with O for 0 and I
/// or L for 1. `None` unless exactly `length` valid characters remain.
pub(super) fn read(text: &str, length: usize) -> Option<Zeroizing<String>> {
    let mut code = Zeroizing::new(String::with_capacity(length));
    for letter in typed::characters(text) {
        let letter = match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            letter => letter,
        };
        if code.len() == length || !ALPHABET.iter().any(|known| char::from(*known) == letter) {
            return None;
        }
        code.push(letter);
    }
    (code.len() == length).then_some(code)
}

/// The code in groups of `group` characters, with dashes between them.
pub(super) fn grouped(code: &str, group: usize) -> Zeroizing<String> {
    let mut shown = Zeroizing::new(String::with_capacity(code.len() + code.len() / group));
    for (place, letter) in code.chars().enumerate() {
        if place > 0 && place % group == 0 {
            shown.push('-');
        }
        shown.push(letter);
    }
    shown
}
