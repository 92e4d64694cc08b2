//! Password checks: charged to their budgets before, against brute force, and settled when their outcome is known
//! (ADR 14).

use super::{Limits, budget::Budget, charge::Attempt, lines::Place};
use crate::{
    domain::{Charged, Context, Password, ThrottleRule},
    service::Error,
    store::{Charge, Settled},
};

/// A checked password, and the attempt that it took.
#[derive(Debug)]
pub(in crate::service) struct Guess {
    pub(in crate::service) right: bool,
    pub(in crate::service) attempt: PasswordAttempt,
    /// Held until the outcome is settled, so that the next attempts in line see it.
    _place: Place,
}

/// A password's attempt. Thousands of logins wait for their hash with one: derivable values are not kept.
#[derive(Debug)]
pub(in crate::service) struct PasswordAttempt {
    budget: Budget,
    /// The charges of its first budget, and of the account's, if strangers have one.
    charged: (Charged, Option<Charged>),
    is_over_the_limit: bool,
}

impl PasswordAttempt {
    /// Whether so many failures in a row came before that a right password proves too little by itself.
    pub(in crate::service) fn is_over_the_limit(&self) -> bool {
        self.is_over_the_limit
    }
}

impl Limits {
    /// Checks a password at the cost of an attempt.
    ///
    /// The attempt is charged and committed before the password is hashed: concurrent guesses get no more attempts than
    /// sequential ones (race). Only an attempt that was not evaluated is refunded here. Arguments are borrowed: each
    /// waiting login would otherwise hold its own copy.
    pub(in crate::service) async fn guess(
        &self,
        context: &Context,
        budget: &Budget,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<Guess, Error> {
        // Load shedding before queueing (fail fast): who would be late after those ahead in line does not wait. The slot is
        // reserved only afterwards, so that waiters hold none.
        let mut place = self.lines.join(self.password_charges(budget)[0].key);
        drop(self.passwords.announce_after(place.rounds_before(), context)?);
        place.turn().await;
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
        let charged = (charged[0], charged.get(1).copied());
        Ok(PasswordAttempt { budget, charged, is_over_the_limit })
    }

    /// Refunds a password's attempt.
    pub(in crate::service) async fn give_back_password(
        &self,
        attempt: &PasswordAttempt,
    ) -> Result<(), Error> {
        Ok(self.store.throttle_settle(self.refund_of(attempt)).await?)
    }

    /// The refund of a password's attempt.
    pub(in crate::service) fn refund_of(&self, attempt: &PasswordAttempt) -> Settled {
        let known = [Some(attempt.charged.0), attempt.charged.1];
        let known = known.into_iter().chain(std::iter::repeat(None));
        let give_back = self.password_charges(&attempt.budget).into_iter().zip(known).collect();
        Settled { forget: Vec::new(), give_back }
    }

    /// Settles the budgets after a right password that completes a login or confirms a change: the row of failures is
    /// forgotten, and the other budgets are refunded. A row over the limit stays until the password changes: an
    /// attacker may have guessed this one.
    pub(in crate::service) fn settled_by(&self, budget: &Budget, successes: u32) -> Settled {
        let is_row = |charge: &Charge| {
            matches!(charge.rule, ThrottleRule::Passwords | ThrottleRule::AccountPasswords)
        };
        let (rows, others): (Vec<_>, Vec<_>) =
            self.password_charges(budget).into_iter().partition(is_row);
        let forget = rows.into_iter().map(|row| (row.key, successes)).collect();
        // Without successes the attempt was refunded already.
        let others = others.into_iter().filter(|_| successes > 0);
        Settled { forget, give_back: others.map(|charge| (charge, None)).collect() }
    }

    /// Settles after the attempt's own success.
    pub(in crate::service) fn settled(&self, attempt: &PasswordAttempt) -> Settled {
        self.settled_by(&attempt.budget, 1)
    }
}
