//! Answers whether requests to other services may pass (Envoy's `ext_authz`).

mod check;
mod decision;
mod figures;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    domain::authorization::Rules,
    service::{Clock, verdicts::Verdicts},
};

pub use self::{
    check::Presented,
    decision::{Allowed, Refused},
    figures::AuthorizationFigures,
};

/// What becomes of good tokens while nobody can tell whether they were revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhenBehind {
    /// How long ago the log of revocations may have been read.
    pub max_age: Duration,
    /// Whether requests pass once it is longer ago; else they are refused.
    pub allows: bool,
}

/// Decides by rules.
#[derive(Debug)]
pub struct Authorizer {
    rules: RwLock<Arc<Rules>>,
    verdicts: Arc<Verdicts>,
    when_behind: WhenBehind,
    clock: Clock,
    figures: AuthorizationFigures,
}

impl Authorizer {
    /// Decides by these rules, until there are others.
    pub fn new(
        rules: Rules,
        verdicts: Arc<Verdicts>,
        when_behind: WhenBehind,
        clock: Clock,
        figures: AuthorizationFigures,
    ) -> Self {
        Self { rules: RwLock::new(Arc::new(rules)), verdicts, when_behind, clock, figures }
    }

    /// Decides by other rules from now on.
    pub fn replace(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// Whether good tokens pass: the log of revocations was read lately, or need not have been.
    pub fn can_tell(&self) -> bool {
        self.when_behind.allows || self.verdicts.know_within(self.when_behind.max_age)
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}
