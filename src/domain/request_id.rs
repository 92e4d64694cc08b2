//! Request ids (correlation ids): they tie the log lines of one call to its answer and to its caller.
//!
//! Not to be confused with the field `request_id` of Register and RefreshToken. That is an idempotency key (AIP-155): it makes a
//! retry safe, and is parsed in `field.rs`.

use std::{fmt, sync::Arc};

use uuid::Uuid;

/// The id of one call. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The longest id accepted from a caller, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// Parses a caller's id: 1 to [`Self::MAX_LENGTH`] ASCII letters, digits, and `-._~:/+=`. Ids of proxies and tracing
    /// systems pass: UUIDs, hex, base64, ARNs, `Root=1-…`. Other characters are refused: ids stand in log lines, where a
    /// blank, a quote or a line break would forge another field or line (log injection).
    pub fn parse(text: &str) -> Option<Self> {
        let is_sane = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/+=".contains(&byte);
        let is_right = (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_sane);
        is_right.then(|| Self(text.into()))
    }

    /// The id as it is sent and logged.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uuid> for RequestId {
    fn from(made: Uuid) -> Self {
        Self(made.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned().into())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_proxies_and_tracing_systems_are_taken_as_they_are() {
        let longest = "a".repeat(RequestId::MAX_LENGTH);
        for text in [
            "0198a0f0-7d5e-7c2e-a2d6-0d6f6a6f0001",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "Root=1-67891233-abcdef012345678912345678",
            "host.example:8080/7f+Ag==",
            "a",
            &longest,
        ] {
            assert_eq!(RequestId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_could_forge_a_log_line_or_is_too_long_is_not_taken() {
        let too_long = "a".repeat(RequestId::MAX_LENGTH + 1);
        for text in [
            "", " a", "a b", "a\nb", "a\"b", "a{b", "a}b", "a,b", "a;b", "a%0ab", "a\\b", "é",
            &too_long,
        ] {
            assert_eq!(RequestId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn one_that_is_made_would_be_taken() {
        let made = RequestId::from(Uuid::from_u128(7));
        assert_eq!(made.to_string(), "00000000-0000-0000-0000-000000000007");
        assert_eq!(RequestId::parse(made.as_str()), Some(made));
    }
}
