//! Rate limits against brute force: attempts are charged to their budgets before anything is evaluated, and refunded if
//! they did not fail (ADR 14).

use super::Limits;
use crate::{
    domain::{Charged, ThrottleRule},
    service::Error,
    store::{Admission, Charge, Settled},
};

/// A charged attempt.
#[derive(Debug)]
pub(in crate::service) struct Attempt {
    pub(super) charges: Vec<Charge>,
    pub(super) charged: Vec<Charged>,
}

impl Attempt {
    /// The number of attempts in the budget with that rule, with this one; 0 without such a budget.
    pub(super) fn count(&self, rule: ThrottleRule) -> u32 {
        let counted = self.charges.iter().zip(&self.charged);
        let found = counted.filter(|(charge, _)| charge.rule == rule);
        found.map(|(_, charged)| charged.after.failures).max().unwrap_or(0)
    }

    /// The refund of an attempt that did not fail.
    pub(in crate::service) fn refund(&self) -> Settled {
        let charged = self.charged.iter().copied().map(Some);
        let give_back = self.charges.iter().copied().zip(charged).collect();
        Settled { forget: Vec::new(), give_back }
    }
}

impl Limits {
    /// Charges budgets with an attempt: all, or none.
    ///
    /// # Errors
    /// A budget that is spent; the store's.
    pub(in crate::service) async fn charge(&self, charges: Vec<Charge>) -> Result<Attempt, Error> {
        let now = self.clock.now();
        match self.store.throttle_charge(charges.clone(), now).await? {
            Admission::Charged(charged) => Ok(Attempt { charges, charged }),
            Admission::Refused { rule: ThrottleRule::CodesAYear, .. } => Err(Error::CodesUsedUp),
            Admission::Refused { until, .. } => Err(Error::Throttled(until.since(now))),
        }
    }

    /// Refunds an attempt that did not fail.
    pub(in crate::service) async fn take_back(&self, attempt: &Attempt) -> Result<(), Error> {
        Ok(self.store.throttle_settle(attempt.refund()).await?)
    }
}
