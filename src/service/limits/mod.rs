//! Limits: how often attempts may fail, how many mails may be asked for, and how much may run at once (ADR 14).
//!
//! Counts that decide are in the store, the same for all replicas. In memory are only the rate of an address and the lines
//! before a budget: they guard this replica.

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
    budget::{Budget, Waste},
    charge::Attempt,
    guess::{Guess, PasswordAttempt},
};

/// What counts attempts, evaluates passwords at the cost of one, and records what failed.
#[derive(Debug)]
pub struct Limits {
    store: Arc<dyn Store>,
    /// What keys the digests: the store never learns whose a count is.
    master_key: MasterKey,
    passwords: Passwords,
    policy: Arc<Policy>,
    /// Which addresses have called lately.
    sources: Sources,
    /// Which accounts' passwords are being checked.
    lines: Lines,
    outbox: Outbox,
    clock: Clock,
}

impl Limits {
    /// The limits of one replica. Nobody has called yet.
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

    /// Counts a call against its address. Goes before all that costs anything.
    ///
    /// # Errors
    /// Too many calls from there.
    pub(in crate::service) fn admit(&self, context: &Context) -> Result<(), Error> {
        self.sources.admit(context, self.clock.elapsed()).map_err(Error::Throttled)
    }

    /// Waits until it is the caller's turn to ask the store.
    pub(in crate::service) fn ask_store(
        &self,
    ) -> impl Future<Output = Option<SemaphorePermit<'_>>> {
        self.lines.ask_store()
    }
}
