//! Requests that have no reading, and the readings of those that have.

/// The request can't be matched with any certainty, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unclear(pub &'static str);

/// Adds a reading, unless it is there.
pub(super) fn add<T: PartialEq>(to: &mut Vec<T>, new: T) {
    if !to.contains(&new) {
        to.push(new);
    }
}
