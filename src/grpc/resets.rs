//! Malformed requests, which HTTP/2 refuses before there is a call. h2 resets their streams without reporting it, so
//! they are counted in the outgoing frames.

/// The sizes in bytes of a frame's head, and of a whole RST_STREAM frame with its one field (RFC 9113, sections 4.1 and
/// 6.4).
const HEAD: usize = 9;
const RESET: usize = HEAD + 4;
const RST_STREAM: u8 = 3;

/// The error code of a malformed request (RFC 9113, sections 7 and 8.1.1): a pseudo-header is missing or invalid, such
/// as an authority with a comma.
const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];

/// A parser of a connection's outgoing frames, which counts resets of malformed requests. Only for plaintext.
#[derive(Debug, Default)]
pub(super) struct Resets {
    begun: [u8; RESET],
    filled: usize,
    /// The rest of a payload to skip.
    skip: usize,
}

impl Resets {
    /// The number of resets that end in these bytes.
    pub(super) fn sent(&mut self, mut bytes: &[u8]) -> usize {
        let mut resets = 0;
        while !bytes.is_empty() {
            let wanted = if self.filled < HEAD { HEAD } else { RESET };
            let wanted = if self.skip > 0 { self.skip } else { wanted - self.filled };
            let (now, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            if self.skip > 0 {
                self.skip -= now.len();
            } else {
                resets += usize::from(self.take(now));
            }
        }
        resets
    }

    /// Takes more of a head, or of a reset. Returns whether that completes the reset of a malformed request.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let end = self.filled + bytes.len();
        self.begun[self.filled..end].copy_from_slice(bytes);
        self.filled = end;
        if self.filled == RESET {
            self.filled = 0;
            return self.begun[HEAD..] == PROTOCOL_ERROR;
        }
        if self.filled == HEAD && self.begun[3] != RST_STREAM {
            let [high, middle, low] =
                [self.begun[0], self.begun[1], self.begun[2]].map(usize::from);
            (self.skip, self.filled) = (high << 16 | middle << 8 | low, 0);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn resets_of_malformed_requests_are_counted_wherever_the_bytes_are_cut() {
        let sent = [
            frame(4, &[0; 36]),
            frame(RST_STREAM, &[0, 0, 0, 1]),
            // Bytes of a reset within a DATA frame do not count.
            frame(0, &frame(RST_STREAM, &[0, 0, 0, 1])),
            frame(4, &[]),
            frame(RST_STREAM, &[0, 0, 0, 8]),
            frame(0, &vec![3; 70_000]),
            frame(RST_STREAM, &[0, 0, 0, 1]),
        ]
        .concat();
        for size in [1, 2, 3, 8, 9, 10, 12, 13, 14, 1000, sent.len()] {
            let mut resets = Resets::default();
            let counted: usize = sent.chunks(size).map(|bytes| resets.sent(bytes)).sum();
            assert_eq!(counted, 2, "in pieces of {size}");
        }
    }
}
