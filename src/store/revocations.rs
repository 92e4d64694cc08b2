//! Revocations, numbered in the order of their commits (ADR 11).

use async_trait::async_trait;

use super::Result;
use crate::domain::{Revocation, Timestamp};

/// Revocations, numbered in the order of their commits.
#[async_trait]
pub trait Revocations {
    /// The number of the last one; 0 if there never was one.
    async fn revocation_head(&self) -> Result<i64>;

    /// Those after a number that still matter: in order, and not more than `limit`.
    async fn revocations_after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NumberedRevocation>>;
}

/// A revocation as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedRevocation {
    /// Its place in the order of the commits, from 1.
    pub seq: i64,
    /// What it voids.
    pub revocation: Revocation,
}
