//! Why a list can't be made, or used. The texts say what to do.

use std::{io, path::PathBuf};

/// Why a file is not used. The text has no path: it may be a secret, given by mistake.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It can't be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is something else.
    #[error("is no list of breached passwords: `countersign breached build` makes one")]
    Foreign,
    /// Another release has made it.
    #[error(
        "has version {0} and this release reads version 1: make it anew with `countersign breached build`"
    )]
    Version(u32),
    /// A part of it is missing, or there is too much.
    #[error(
        "has {is} bytes and should have {should}: it was not copied to its end, or was changed"
    )]
    Size {
        /// Its size, in bytes.
        is: u64,
        /// The size that its header says.
        should: u128,
    },
}

/// Its text is part of ours: where the whole chain is told, it is told once.
impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Why no file is made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The list can't be read.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// The file can't be written.
    #[error("{} cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// A file is in the place of the new one that is no list of ours.
    #[error("{} is there, and no list of breached passwords: it is left alone", .0.display())]
    NotOurs(PathBuf),
    /// A line is not as it should be.
    #[error("line {line} of {} {problem}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// A folder without a list.
    #[error("{} has no file of a range, such as 00000.txt or FFFFF", .0.display())]
    NoRanges(PathBuf),
    /// Two files of one range.
    #[error("{} has two files of the range {range:05X}", .folder.display())]
    TwoOfARange {
        /// The folder.
        folder: PathBuf,
        /// The first twenty bits of the range's hashes.
        range: u32,
    },
    /// Files of ranges are missing.
    #[error(
        "{} has no file of the range {first:05X}, nor of {others} others: the download has not ended. --partial takes what is there",
        .folder.display()
    )]
    MissingRanges {
        /// The folder.
        folder: PathBuf,
        /// The first that is missing.
        first: u32,
        /// How many others are.
        others: usize,
    },
    /// No hash is left.
    #[error("{} has no hash that was seen so often: there is nothing to make a file of", .0.display())]
    Empty(PathBuf),
}

/// What is wrong with a line of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Not what the lists have.
    #[error("is no hash with a count, such as 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:3730471")]
    NoHash,
    /// A hash of NTLM.
    #[error("has a hash of 32 digits, as NTLM's are: get the list of SHA-1 hashes")]
    Ntlm,
    /// Too few digits.
    #[error("has a hash of fewer than 16 digits: too many passwords share so few")]
    Short,
    /// More digits than SHA-1 has.
    #[error("has a hash of more than 40 digits, which is no SHA-1")]
    Long,
    /// No count, and one is asked for.
    #[error("does not say how often the hash was seen: leave out --at-least")]
    NoCount,
    /// A hash that belongs before the last one.
    #[error(
        "has a hash that belongs further up: get the list that is ordered by hash, or sort it (LC_ALL=C sort)"
    )]
    OutOfOrder,
}
