//! [`Throttles`](crate::store::Throttles).

use async_trait::async_trait;

use super::{Backend, statements::throttles};
use crate::{
    domain::Timestamp,
    store::{Admission, Budgets, Charge, Result, Settled, Throttles},
};

#[async_trait]
impl Throttles for Backend {
    async fn throttle_charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Admission> {
        // All limits are off.
        if charges.is_empty() {
            return Ok(Admission::Charged(Vec::new()));
        }
        let seen = self.throttle_look(charges.clone()).await?;
        // Most of a flood is refused by this read, without queueing for SQLite's single writer.
        if let refused @ Admission::Refused { .. } = seen.admission(&charges, now) {
            return Ok(refused);
        }
        self.write("throttle_charge", (charges, now), |connection, (charges, now)| {
            Box::pin(throttles::charge(connection, charges, *now))
        })
        .await
    }

    async fn throttle_look(&self, charges: Vec<Charge>) -> Result<Budgets> {
        self.read("throttle_look", charges, |connection, charges| {
            Box::pin(throttles::read(connection, charges))
        })
        .await
    }

    async fn throttle_admits(&self, charges: Vec<Charge>, now: Timestamp) -> Result<bool> {
        let seen = self.throttle_look(charges.clone()).await?;
        Ok(matches!(seen.admission(&charges, now), Admission::Charged(_)))
    }

    async fn throttle_settle(&self, settled: Settled) -> Result<()> {
        self.write("throttle_settle", settled, |connection, settled| {
            Box::pin(throttles::settle(connection, settled))
        })
        .await
    }
}
