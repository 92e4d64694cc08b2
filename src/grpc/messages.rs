//! The messages in a body, for their sizes: "Length-Prefixed-Message" of the gRPC specification over HTTP/2.

use http_body::Frame;
use tonic::codegen::Bytes;

/// What comes before each message: a flag, and four bytes of its length.
const PREFIX: u8 = 5;

/// Where the next byte of a body belongs.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Bytes of the prefix that have come.
    prefix: u8,
    length: u32,
    /// Bytes of the message that are still to come.
    missing: usize,
}

impl Messages {
    /// The bytes of messages in a frame of the body: none in trailers.
    pub(super) fn bytes_of(&mut self, frame: &Frame<Bytes>) -> u64 {
        frame.data_ref().map_or(0, |data| self.bytes_in(data))
    }

    fn bytes_in(&mut self, mut data: &[u8]) -> u64 {
        let mut bytes = 0;
        while !data.is_empty() {
            if self.missing == 0 {
                data = self.read_prefix(data);
            }
            let part = self.missing.min(data.len());
            self.missing -= part;
            bytes += part;
            data = &data[part..];
        }
        bytes as u64
    }

    /// Reads a prefix, or what there is of it, and returns the rest.
    fn read_prefix<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let part = usize::from(PREFIX - self.prefix).min(data.len());
        for byte in &data[..part] {
            // The flag is shifted out.
            self.length = self.length << 8 | u32::from(*byte);
            self.prefix += 1;
        }
        if self.prefix == PREFIX {
            self.missing = self.length as usize;
            self.prefix = 0;
        }
        &data[part..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that are counted where a body comes in pieces of that size.
    fn counted(body: &[u8], piece: usize) -> u64 {
        let mut messages = Messages::default();
        body.chunks(piece).map(|piece| messages.bytes_in(piece)).sum()
    }

    #[test]
    fn messages_are_counted_without_their_prefixes_in_however_many_pieces_they_come() {
        let mut body = Vec::new();
        for (flag, length) in [(0, 3_u32), (1, 300), (0, 0), (0, 70_000), (1, 1)] {
            body.push(flag);
            body.extend(length.to_be_bytes());
            body.extend(vec![0xff; length as usize]);
        }
        for piece in [1, 2, 3, 4, 5, 6, 7, 16_384, body.len()] {
            assert_eq!(counted(&body, piece), 70_304, "{piece}");
        }
        // One that ends in the middle: what came, came.
        assert_eq!(counted(&body[..5 + 3 + 5 + 100], 16), 103);
        assert_eq!(counted(&body[..4], 16), 0);
        assert_eq!(counted(&[], 16), 0);
    }
}
