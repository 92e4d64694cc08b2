//! Attempts: charged to their budgets before anything is evaluated, and settled when it is known what came of them (ADR 14).

use super::{Error, UseCases, budget::Budget, lines::Place};
use crate::{
    domain::{Charged, Context, Password, ThrottleRule},
    store::{Admission, Charge, Settled},
};

/// An attempt that budgets were charged with.
#[derive(Debug)]
pub(super) struct Attempt {
    charges: Vec<Charge>,
    charged: Vec<Charged>,
}

/// A password that was evaluated, and the attempt that it took.
#[derive(Debug)]
pub(super) struct Guess {
    pub(super) right: bool,
    pub(super) attempt: PasswordAttempt,
    /// Until what came of it is settled, so that those behind see it.
    _place: Place,
}

/// A password's attempt. Thousands of logins wait for their hash with one: what can be made again is not kept.
#[derive(Debug)]
pub(super) struct PasswordAttempt {
    budget: Budget,
    /// What the first of its budgets was charged with.
    charged: Charged,
    is_over_the_limit: bool,
}

impl Attempt {
    /// How many attempts the budget with that rule has counted, this one among them; 0 where there is none.
    pub(super) fn count(&self, rule: ThrottleRule) -> u32 {
        let counted = self.charges.iter().zip(&self.charged);
        let found = counted.filter(|(charge, _)| charge.rule == rule);
        found.map(|(_, charged)| charged.after.failures).max().unwrap_or(0)
    }
}

impl PasswordAttempt {
    /// Whether there were so many failures in a row that a right password proves too little by itself.
    pub(super) fn is_over_the_limit(&self) -> bool {
        self.is_over_the_limit
    }
}

impl UseCases {
    /// Evaluates a password at the cost of an attempt.
    ///
    /// The attempt is charged and committed before the password is hashed: concurrent guesses get no more evaluations than
    /// sequential ones. Only one that was not evaluated is given back here. What it takes is borrowed: the room for it would be
    /// multiplied by all who wait.
    pub(super) async fn guess(
        &self,
        context: &Context,
        budget: &Budget,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<Guess, Error> {
        // Check for overload before queueing (fail fast); reserve the slot only afterwards, so that waiters hold none.
        drop(self.passwords.announce(context)?);
        let place = self.lines.enter(self.password_charges(budget)[0].key).await;
        let announced = self.passwords.announce(context)?;
        let turn = self.lines.ask_store().await;
        let attempt = self.charge_password(*budget).await?;
        drop((turn, announced));
        match self.passwords.verify(password, stored, context).await {
            Ok(right) => Ok(Guess { right, attempt, _place: place }),
            Err(not_evaluated) => {
                self.give_back_password(&attempt).await?;
                Err(not_evaluated.into())
            }
        }
    }

    async fn charge_password(&self, budget: Budget) -> Result<PasswordAttempt, Error> {
        let Attempt { charges, charged } = self.charge(self.password_charges(&budget)).await?;
        let counts_failures_in_a_row = |charge: &Charge| {
            matches!(charge.rule, ThrottleRule::Passwords | ThrottleRule::AccountPasswords)
        };
        let mut rows =
            charges.iter().zip(&charged).filter(|(charge, _)| counts_failures_in_a_row(charge));
        let is_over_the_limit = rows.any(|(_, charged)| charged.is_over_the_limit());
        Ok(PasswordAttempt { budget, charged: charged[0], is_over_the_limit })
    }

    /// Charges budgets with an attempt: all, or none.
    ///
    /// # Errors
    /// One of them lets none through; the store's.
    pub(super) async fn charge(&self, charges: Vec<Charge>) -> Result<Attempt, Error> {
        let now = self.clock.now();
        match self.store.throttle_charge(charges.clone(), now).await? {
            Admission::Charged(charged) => Ok(Attempt { charges, charged }),
            Admission::Refused { rule: ThrottleRule::CodesAYear, .. } => Err(Error::CodesUsedUp),
            Admission::Refused { until, .. } => Err(Error::Throttled(until.since(now))),
        }
    }

    /// Gives an attempt back that did not fail.
    pub(super) async fn take_back(&self, attempt: Attempt) -> Result<(), Error> {
        let Attempt { charges, charged } = attempt;
        let give_back = charges.into_iter().zip(charged.into_iter().map(Some)).collect();
        Ok(self.store.throttle_settle(Settled { forget: Vec::new(), give_back }).await?)
    }

    /// Gives a password's attempt back as though it had not been made.
    pub(super) async fn give_back_password(&self, attempt: &PasswordAttempt) -> Result<(), Error> {
        let mut charges = self.password_charges(&attempt.budget).into_iter();
        let first = charges.next().map(|first| (first, Some(attempt.charged)));
        let give_back = first.into_iter().chain(charges.map(|charge| (charge, None))).collect();
        Ok(self.store.throttle_settle(Settled { forget: Vec::new(), give_back }).await?)
    }

    /// What a right password settles that completes a login or confirms a change: the row of failures is over, and the other budgets
    /// get their attempt back. A row that is over the limit stays until there is another password: somebody may have guessed this
    /// one.
    pub(super) fn settled_by(&self, budget: &Budget, successes: u32) -> Settled {
        let is_row = |charge: &Charge| {
            matches!(charge.rule, ThrottleRule::Passwords | ThrottleRule::AccountPasswords)
        };
        let (rows, others): (Vec<_>, Vec<_>) =
            self.password_charges(budget).into_iter().partition(is_row);
        let forget = rows.into_iter().map(|row| (row.key, successes)).collect();
        // They were given back already where the attempt was.
        let others = others.into_iter().filter(|_| successes > 0);
        Settled { forget, give_back: others.map(|charge| (charge, None)).collect() }
    }

    /// What the attempt's own success settles.
    pub(super) fn settled(&self, attempt: &PasswordAttempt) -> Settled {
        self.settled_by(&attempt.budget, 1)
    }
}
