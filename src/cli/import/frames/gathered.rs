//! A row's bytes, up to the size that a row may have.

use std::io;

/// The largest row, in bytes.
pub(crate) const LARGEST: usize = 1024 * 1024;

/// The bytes of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Whole(Vec<u8>),
    /// It is larger than `LARGEST`: nothing is kept of it.
    TooLarge,
}

/// What ends the reading of a file. All rows before it were read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("the file can't be read")]
    Io(#[from] io::Error),
    #[error("the file ends on line {line} in the middle of {what}. All before it was read")]
    CutOff { line: u64, what: &'static str },
    #[error(
        "line {line}: '{found}' stands where the JSON has no place for it. All before it was read"
    )]
    Malformed { line: u64, found: char },
    #[error(
        "line {line} of the file with password hashes is not one of Auth0's: a JSON object with _id or alt_id"
    )]
    NoHash { line: u64 },
    #[error(
        "the file has password hashes of Firebase, which need the project's parameters: --hash-parameters FILE"
    )]
    NoParameters,
}

/// Collects a row's bytes, and gives its memory back when it was large.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    too_large: bool,
}

impl Gathered {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.too_large || self.bytes.len() + bytes.len() > LARGEST {
            self.too_large = true;
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Whether there is nothing but white space.
    pub(super) fn is_blank(&self) -> bool {
        !self.too_large && self.bytes.iter().all(u8::is_ascii_whitespace)
    }

    pub(super) fn take(&mut self) -> Text {
        let taken = std::mem::take(self);
        if taken.too_large { Text::TooLarge } else { Text::Whole(taken.bytes) }
    }
}
