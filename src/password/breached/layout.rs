//! How a file is laid out. Numbers are little-endian.
//!
//! | from | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `CSbreach` |
//! | 8 | 4 | version: 1 |
//! | 12 | 4 | `bits`: there are 2^bits buckets, one for each beginning of a hash |
//! | 16 | 8 | `n`, the number of entries |
//! | 24 | 8 | when it was made: microseconds since 1970 |
//! | 32 | 8 | how often each hash was seen at least |
//! | 40 | 8 | the number of entries of the widest bucket |
//! | 48 | 32 | SHA-256 of the 48 bytes before, the SHA-256 of the index and that of the entries |
//! | 80 | 8 · (2^bits + 1) | the index: how many entries are before each bucket, and `n` |
//! | then | 4 · n | the entries: of each hash the 32 bits after the first `bits`, ordered within a bucket |

use std::{fs::File, os::unix::fs::FileExt as _};

use aws_lc_rs::digest::{Context, SHA256};

use super::error::OpenError;
use crate::domain::Timestamp;

/// The beginning of every file.
pub(super) const MAGIC: [u8; 8] = *b"CSbreach";

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;

/// Bytes of the header.
pub(super) const HEADER: u64 = 80;

/// The header.
type Header = [u8; 80];

/// Bytes of an item of the index.
pub(super) const ITEM: u64 = 8;

/// Bytes of an entry.
pub(super) const ENTRY: u64 = 4;

/// The most bits of a bucket: two thousand million entries, at [`PER_BUCKET`].
const MOST_BITS: u32 = 24;

/// Entries of a bucket, where as many come as were expected: half a kilobyte to read.
const PER_BUCKET: u64 = 128;

/// What is known of a list without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// How many hashes are on it.
    pub entries: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// How often each was seen in breaches, at least.
    pub at_least: u64,
    pub(super) bits: u32,
    pub(super) widest: u64,
}

impl Facts {
    /// The size of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.entries_at() + ENTRY * self.entries
    }

    /// One password of so many that are not on the list is taken for one that is: its first `bits` + 32 bits are those of another.
    pub fn one_wrong_in(&self) -> u64 {
        (1 << (self.bits + 32)) / self.entries.max(1)
    }

    /// Where the entries begin.
    pub(super) fn entries_at(&self) -> u64 {
        HEADER + ITEM * ((1 << self.bits) + 1)
    }

    /// The header without its checksum.
    fn head(&self) -> Vec<u8> {
        let mut head = Vec::from(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.extend(self.bits.to_le_bytes());
        head.extend(self.entries.to_le_bytes());
        head.extend(self.made_at.unix_micros().to_le_bytes());
        head.extend(self.at_least.to_le_bytes());
        head.extend(self.widest.to_le_bytes());
        head
    }

    /// The header of a file whose index and entries have these SHA-256.
    pub(super) fn header(&self, index: &[u8], entries: &[u8]) -> Vec<u8> {
        let mut header = self.head();
        let mut checksum = Context::new(&SHA256);
        [&header, index, entries].iter().for_each(|part| checksum.update(part));
        header.extend(checksum.finish().as_ref());
        header
    }

    /// What the header of a file says. The size of the file must be as it says: that finds one that was copied in part.
    ///
    /// # Errors
    /// The file can't be read, is no such file, has another version, or has not all that its header promises.
    pub(super) fn read(file: &File) -> Result<Self, OpenError> {
        let is = file.metadata()?.len();
        let mut header: Header = [0; 80];
        if is < HEADER {
            return Err(OpenError::Foreign);
        }
        file.read_exact_at(&mut header, 0)?;
        let facts = Self::parse(&header)?;
        let should = u128::from(facts.entries) * u128::from(ENTRY) + u128::from(facts.entries_at());
        if u128::from(is) != should {
            return Err(OpenError::Size { is, should });
        }
        Ok(facts)
    }

    fn parse(header: &Header) -> Result<Self, OpenError> {
        let mut rest = &header[..];
        let mut next = || take(&mut rest);
        if next() != u64::from_le_bytes(MAGIC) {
            return Err(OpenError::Foreign);
        }
        let [version, bits] = halves(next());
        if version != VERSION {
            return Err(OpenError::Version(version));
        }
        let [entries, made_at, at_least, widest] = [next(), next(), next(), next()];
        if bits > MOST_BITS || widest > entries {
            return Err(OpenError::Foreign);
        }
        let made_at = Timestamp::from_unix_micros(made_at.cast_signed());
        Ok(Self { entries, made_at, at_least, bits, widest })
    }
}

/// The bits of buckets, for so many entries. If others come, the file is as good, and a look-up reads more or fewer bytes.
pub(super) fn bits_for(entries: u64) -> u32 {
    entries.div_ceil(PER_BUCKET).next_power_of_two().ilog2().min(MOST_BITS)
}

/// The next eight bytes.
fn take(rest: &mut &[u8]) -> u64 {
    let Some((bytes, after)) = rest.split_first_chunk() else { return 0 };
    *rest = after;
    u64::from_le_bytes(*bytes)
}

/// The numbers of four bytes each, of which one of eight was read.
fn halves(number: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    [[a, b, c, d], [e, f, g, h]].map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_buckets_for_every_number_of_entries() {
        for (entries, bits) in
            [(0, 0), (1, 0), (128, 0), (129, 1), (100_000_000, 20), (1 << 31, 24), (u64::MAX, 24)]
        {
            assert_eq!(bits_for(entries), bits, "{entries}");
        }
    }

    #[test]
    fn a_header_reads_as_it_was_written() {
        let made_at = Timestamp::from_unix_micros(1_800_000_000_000_001);
        let facts = Facts { entries: 1 << 33, made_at, at_least: 7, bits: 24, widest: 999 };
        let header = facts.header(&[1; 32], &[2; 32]);
        assert_eq!(Facts::parse(header.as_slice().try_into().unwrap()).unwrap(), facts);
    }

    #[test]
    fn few_are_taken_for_others() {
        let made_at = Timestamp::from_unix_micros(0);
        for entries in [1_000, 100_000_000, 1_000_000_000, 2_000_000_000] {
            let bits = bits_for(entries);
            let facts = Facts { entries, made_at, at_least: 1, bits, widest: 0 };
            assert!(facts.one_wrong_in() >= 1 << 25, "{entries}: {}", facts.one_wrong_in());
        }
    }
}
