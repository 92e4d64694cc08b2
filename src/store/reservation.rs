//! Attempts, spent before anything is compared.

/// What came of spending an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation<T> {
    /// It is spent: what was typed may be compared with this.
    Reserved(T),
    /// There was none left.
    Exhausted,
    /// It is unknown, somebody else's, expired or used: nothing tells which.
    Invalid,
}
