//! The log of revocations, numbered in commit order (ADR 11).

use async_trait::async_trait;

use super::{AppendedHere, Result};
use crate::domain::{Revocation, Timestamp};

/// The log of revocations, numbered in commit order.
#[async_trait]
pub trait Revocations {
    /// Those that this process has appended, until its log has read them.
    fn appended_here(&self) -> &AppendedHere;

    /// The number of the last one; 0 if there never was one.
    async fn revocation_head(&self) -> Result<i64>;

    /// Unexpired revocations after a number, in order, at most `limit`.
    async fn revocations_after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NumberedRevocation>>;
}

/// An entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedRevocation {
    /// Its number in commit order, from 1.
    pub seq: i64,
    /// The revocation.
    pub revocation: Revocation,
}
