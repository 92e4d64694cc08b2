//! Attempts, reserved before any comparison (brute force).

/// The result of reserving an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation<T> {
    /// One attempt is spent: the input may be compared with this.
    Reserved(T),
    /// No attempt was left.
    Exhausted,
    /// Unknown, another user's, expired or used: the answer must not tell which.
    Invalid,
}
