//! Counted attempts: rate limits (ADR 14).

use async_trait::async_trait;

use super::Result;
use crate::domain::{Charged, ThrottleRule, Timestamp};

/// Counted attempts. A key is a keyed digest: what it stands for is not kept.
#[async_trait]
pub trait Throttles {
    /// Charges all of these budgets, whose keys differ, with one attempt, or none of them where one refuses it. Before anything is
    /// evaluated: concurrent attempts can't share what is left.
    async fn throttle_charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Admission>;

    /// Whether all of these budgets would let an attempt through. Charges nothing.
    async fn throttle_admits(&self, charges: Vec<Charge>, now: Timestamp) -> Result<bool>;

    /// Forgets rows of failures, and gives attempts back as though they had not been made: what others were charged with since
    /// stays.
    async fn throttle_settle(&self, settled: Settled) -> Result<()>;
}

/// A budget that is charged with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// What it is counted by: a keyed digest.
    pub key: [u8; 32],
    /// How that is limited.
    pub rule: ThrottleRule,
}

/// What came of charging an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may be made; all budgets are charged, in the order in which they were named.
    Charged(Vec<Charged>),
    /// One of the budgets lets none through, and none of them is charged.
    Refused {
        /// The budget's rule; of the first of several.
        rule: ThrottleRule,
        /// There may be none before then.
        until: Timestamp,
    },
}

/// What becomes of attempts that did not fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Rows of failures that are over: the key of each, and how many of the attempts it counts did not fail. One with 100 failures
    /// or more stays.
    pub forget: Vec<([u8; 32], u32)>,
    /// Budgets that get their attempt back, with what it was charged as where that is known.
    pub give_back: Vec<(Charge, Option<Charged>)>,
}
