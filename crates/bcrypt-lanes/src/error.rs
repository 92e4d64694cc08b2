//! Errors, all of them before any hashing.

use core::{error, fmt};

/// The reason why a value or a job was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// bcrypt's cost runs from 4 to 31.
    CostOutOfRange {
        /// The cost that was asked for.
        cost: u32,
    },
    /// The kernels interleave 1 to 6 hashes.
    LaneCountOutOfRange {
        /// The number of lanes that was asked for.
        lanes: usize,
    },
    /// bcrypt reads 72 bytes and ignores the rest. Refused here, so that the caller decides and no long password is
    /// silently truncated. To truncate as other implementations do, pass the first 72 bytes.
    PasswordTooLong {
        /// The password's length in bytes.
        length: usize,
    },
    /// Every lane is taken.
    Full,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CostOutOfRange { cost } => write!(f, "cost {cost} is not within 4 to 31"),
            Self::LaneCountOutOfRange { lanes } => write!(f, "{lanes} lanes are not within 1 to 6"),
            Self::PasswordTooLong { length } => {
                write!(f, "a password of {length} bytes is longer than bcrypt's 72")
            }
            Self::Full => f.write_str("every lane is taken"),
        }
    }
}

impl error::Error for Error {}

/// A job that could not join, with its ticket handed back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refused<T> {
    /// The caller's ticket.
    pub ticket: T,
    /// Why: [`Error::Full`] or [`Error::PasswordTooLong`].
    pub error: Error,
}

impl<T> fmt::Debug for Refused<T> {
    /// Omits the ticket, which need not be printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the job could not join")
    }
}

impl<T> error::Error for Refused<T> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}
