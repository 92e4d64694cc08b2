//! Passwords, evaluated: charged to their budgets before, and settled when it is known what came of them (ADR 14).

use super::{Limits, budget::Budget, charge::Attempt, lines::Place};
use crate::{
    domain::{Charged, Context, Password, ThrottleRule},
    service::Error,
    store::{Charge, Settled},
};

/// A password that was evaluated, and the attempt that it took.
#[derive(Debug)]
pub(in crate::service) struct Guess {
    pub(in crate::service) right: bool,
    pub(in crate::service) attempt: PasswordAttempt,
    /// Until what came of it is settled, so that those behind see it.
    _place: Place,
}

/// A password's attempt. Thousands of logins wait for their hash with one: what can be made again is not kept.
#[derive(Debug)]
pub(in crate::service) struct PasswordAttempt {
    budget: Budget,
    /// What the first of its budgets was charged with.
    charged: Charged,
    is_over_the_limit: bool,
}

impl PasswordAttempt {
    /// Whether there were so many failures in a row that a right password proves too little by itself.
    pub(in crate::service) fn is_over_the_limit(&self) -> bool {
        self.is_over_the_limit
    }
}

impl Limits {
    /// Evaluates a password at the cost of an attempt.
    ///
    /// The attempt is charged and committed before the password is hashed: concurrent guesses get no more evaluations than
    /// sequential ones. Only one that was not evaluated is given back here. What it takes is borrowed: the room for it would be
    /// multiplied by all who wait.
    pub(in crate::service) async fn guess(
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

    /// Gives a password's attempt back as though it had not been made.
    pub(in crate::service) async fn give_back_password(
        &self,
        attempt: &PasswordAttempt,
    ) -> Result<(), Error> {
        let mut charges = self.password_charges(&attempt.budget).into_iter();
        let first = charges.next().map(|first| (first, Some(attempt.charged)));
        let give_back = first.into_iter().chain(charges.map(|charge| (charge, None))).collect();
        Ok(self.store.throttle_settle(Settled { forget: Vec::new(), give_back }).await?)
    }

    /// What a right password settles that completes a login or confirms a change: the row of failures is over, and the other budgets
    /// get their attempt back. A row that is over the limit stays until there is another password: somebody may have guessed this
    /// one.
    pub(in crate::service) fn settled_by(&self, budget: &Budget, successes: u32) -> Settled {
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
    pub(in crate::service) fn settled(&self, attempt: &PasswordAttempt) -> Settled {
        self.settled_by(&attempt.budget, 1)
    }
}
