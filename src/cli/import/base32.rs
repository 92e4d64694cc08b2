//! Base32 (RFC 4648, section 6), as TOTP secrets are written.

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The text of bytes, without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut group = [0; 8];
        group[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(group);
        for digit in 0..(chunk.len() * 8).div_ceil(5) {
            let index = usize::try_from(bits >> (35 - 5 * digit) & 31).unwrap_or_default();
            text.push(char::from(ALPHABET[index]));
        }
    }
    text
}

/// A secret as apps and people write it, in capitals and without spaces, hyphens and padding. None where it is no base32.
pub(crate) fn tidy(text: &str) -> Option<String> {
    let plain = text.trim_end_matches('=').chars().filter(|c| !matches!(c, ' ' | '-'));
    let tidy: String = plain.map(|c| c.to_ascii_uppercase()).collect();
    // One, three or six digits over: no whole number of bytes.
    let whole = !matches!(tidy.len() % 8, 1 | 3 | 6);
    (!tidy.is_empty() && whole && tidy.bytes().all(|c| ALPHABET.contains(&c))).then_some(tidy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn tidies_what_people_write_and_refuses_the_rest() {
        assert_eq!(tidy("mzxw 6ytb-oi======").unwrap(), "MZXW6YTBOI");
        for text in ["", "====", "MZXW1YTB", "MZXW6YTBO", "MZÜW6YTB", "otpauth://"] {
            assert_eq!(tidy(text), None, "{text}");
        }
    }
}
