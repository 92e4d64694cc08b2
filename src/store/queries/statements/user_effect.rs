//! What a step of a change of a user has done, or why it did not.

use crate::{
    domain::{EventKind, Revocation},
    store::Changed,
};

/// What a change has done besides.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// What is recorded.
    pub(super) kinds: Vec<EventKind>,
    /// For the end of the transaction.
    pub(super) revocations: Vec<Revocation>,
}

/// Why a change was not made.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Changed);
