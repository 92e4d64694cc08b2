//! Requests that were carried out, whose callers may send them again (ADR 43).

use async_trait::async_trait;

use super::Result;
use crate::domain::Timestamp;

/// Requests that were carried out. Each is noted by the transaction that carries it out.
#[async_trait]
pub trait Retries {
    /// The answer to a request that was carried out, encrypted; `None` once it has expired.
    async fn answer_find(&self, key: [u8; 32], now: Timestamp) -> Result<Option<Vec<u8>>>;
}

/// A request that its caller may send again, with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedOut {
    /// The keyed digest of the request.
    pub key: [u8; 32],
    /// The answer, encrypted.
    pub sealed_answer: Vec<u8>,
    /// The time of the request.
    pub now: Timestamp,
    /// Until when a retry gets the answer.
    pub expires_at: Timestamp,
}
