//! Limits: failed attempts, requested mails, and concurrency (ADR 14).
//!
//! The counts that decide are in the store, shared by all replicas. Only the rate limit of an address and the lines
//! before a budget are in memory: they protect this replica.

mod budget;
mod charge;
mod failures;
mod guess;
mod lines;
mod sources;

use std::{future::Future, sync::Arc};

use tokio::sync::SemaphorePermit;

use self::{lines::Lines, sources::Sources};
use crate::{
    domain::{Context, Policy},
    password::Passwords,
    service::{Clock, Error, outbox::Outbox},
    store::Store,
    token::MasterKey,
};

pub(in crate::service) use self::{
    budget::Waste,
    charge::Attempt,
    guess::{Guess, PasswordAttempt},
};

/// Counts attempts, checks passwords at the cost of one, and records failures.
#[derive(Debug)]
pub struct Limits {
    store: Arc<dyn Store>,
    /// Keys the digests: the store never learns whose a count is.
    master_key: MasterKey,
    passwords: Passwords,
    policy: Arc<Policy>,
    /// The rate limit per address.
    sources: Sources,
    /// The concurrency limits.
    lines: Lines,
    outbox: Outbox,
    clock: Clock,
}

impl Limits {
    /// The limits of one replica, all counts empty.
    pub fn new(
        store: Arc<dyn Store>,
        master_key: MasterKey,
        passwords: Passwords,
        policy: Arc<Policy>,
        outbox: Outbox,
        clock: Clock,
    ) -> Self {
        let (sources, lines) = (Sources::new(policy.address_rate), Lines::default());
        Self { store, master_key, passwords, policy, sources, lines, outbox, clock }
    }

    /// Counts a call against its address. Comes before any expensive work.
    ///
    /// # Errors
    /// Too many calls from this address.
    pub(in crate::service) fn admit(&self, context: &Context) -> Result<(), Error> {
        self.sources.admit(context, self.clock.elapsed()).map_err(Error::Throttled)
    }

    /// Waits for the caller's turn to query the store.
    pub(in crate::service) fn ask_store(
        &self,
    ) -> impl Future<Output = Option<SemaphorePermit<'_>>> {
        self.lines.ask_store()
    }
}
