//! Counted attempts: rate limits (ADR 14).

use std::collections::HashMap;

use async_trait::async_trait;

use super::Result;
use crate::domain::{Charged, Throttle, ThrottleRule, Timestamp};

/// Counted attempts. A key is a keyed digest: its subject is not stored.
#[async_trait]
pub trait Throttles {
    /// Charges all of these budgets, whose keys differ, with one attempt; or none of them where one refuses. This comes
    /// before any evaluation: concurrent attempts can't share what is left (race).
    async fn throttle_charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Admission>;

    /// Reads budgets. Charges nothing.
    async fn throttle_look(&self, charges: Vec<Charge>) -> Result<Budgets>;

    /// Whether all of these budgets would admit an attempt. Charges nothing.
    async fn throttle_admits(&self, charges: Vec<Charge>, now: Timestamp) -> Result<bool>;

    /// Deletes rows of failures, and refunds attempts as if they had not been made; later charges of others stay.
    async fn throttle_settle(&self, settled: Settled) -> Result<()>;
}

/// Budgets as they were read, by their keys. Those that are missing are empty.
#[derive(Debug, Clone, Default)]
pub struct Budgets(pub(super) HashMap<[u8; 32], Throttle>);

impl Budgets {
    /// What a charge of all of these would become, if nothing has changed meanwhile.
    pub fn admission(&self, charges: &[Charge], now: Timestamp) -> Admission {
        let mut charged = Vec::with_capacity(charges.len());
        for Charge { key, rule } in charges {
            match rule.charge(self.0.get(key).copied(), now) {
                Ok(one) => charged.push(one),
                Err(until) => return Admission::Refused { rule: *rule, until },
            }
        }
        Admission::Charged(charged)
    }
}

/// A charge of one attempt to a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// The budget's key: a keyed digest of its subject.
    pub key: [u8; 32],
    /// The budget's rule.
    pub rule: ThrottleRule,
}

/// The result of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Admitted; all budgets are charged, in the given order.
    Charged(Vec<Charged>),
    /// One of the budgets refuses, and none of them is charged.
    Refused {
        /// The budget's rule; that of the first of several.
        rule: ThrottleRule,
        /// The earliest time of another attempt.
        until: Timestamp,
    },
}

/// Refunds of attempts that did not fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Rows of failures that are over: the key of each, and how many of its attempts did not fail. A row with 100 failures
    /// or more stays.
    pub forget: Vec<([u8; 32], u32)>,
    /// Budgets to refund, with their charge where that is known.
    pub give_back: Vec<(Charge, Option<Charged>)>,
}
