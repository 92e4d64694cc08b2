//! Ids of traces and spans: random, and never zero.

use std::fmt;

use rand::RngExt as _;

/// The id of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// The id of a span.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

impl TraceId {
    pub(super) fn random() -> Self {
        Self(random())
    }

    pub(super) fn parse(hex: &str) -> Option<Self> {
        parse(hex).map(Self)
    }

    /// Its bytes, as OTLP has them.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The half that samplers by ratio compare, as a number.
    pub(super) fn lower_half(&self) -> u64 {
        let half = self.0.last_chunk();
        half.map_or(0, |half| u64::from_be_bytes(*half))
    }
}

impl SpanId {
    pub(super) fn random() -> Self {
        Self(random())
    }

    pub(super) fn parse(hex: &str) -> Option<Self> {
        parse(hex).map(Self)
    }

    /// Its bytes, as OTLP has them.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

fn random<const N: usize>() -> [u8; N] {
    loop {
        let mut bytes = [0; N];
        rand::rng().fill(&mut bytes);
        if bytes != [0; N] {
            return bytes;
        }
    }
}

/// The bytes of lower-case hexadecimal digits; zero is no id.
fn parse<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    (bytes != [0; N]).then_some(bytes)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is() {
        let text = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(TraceId::parse(text).unwrap().to_string(), text);
        assert_eq!(TraceId::parse(text).unwrap().lower_half(), 0x8448_eb21_1c80_319c);
        let random = SpanId::random();
        assert_eq!(SpanId::parse(&random.to_string()), Some(random));
        for wrong in [
            "",
            "0af7651916cd43dd8448eb211c80319",
            "0af7651916cd43dd8448eb211c80319c0",
            "0AF7651916CD43DD8448EB211C80319C",
            "0af7651916cd43dd8448eb211c8031-c",
            "00000000000000000000000000000000",
        ] {
            assert_eq!(TraceId::parse(wrong), None, "{wrong}");
        }
    }
}
