//! Budgets: how many attempts strangers, and each known device, have with an account (ADR 14).

use uuid::Uuid;

use super::{Error, UseCases, lines::Place};
use crate::{
    domain::{Caller, Challenge, Charged, Email, LoginName, Password, ThrottleRule, User},
    store::{Admission, Credentials},
    token::{DeviceToken, OpaqueToken, Purpose},
};

/// Whose attempts are counted together. A digest: the store never learns the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget(pub(super) [u8; 32]);

/// An attempt that its budget was charged with.
#[derive(Debug)]
pub(super) struct Attempt {
    /// What the store counts it by.
    pub(super) key: [u8; 32],
    rule: ThrottleRule,
    charged: Charged,
}

/// A password that was evaluated, and the attempt that it took.
#[derive(Debug)]
pub(super) struct Guess {
    pub(super) right: bool,
    pub(super) attempt: Attempt,
    /// Until what came of it is settled, so that those behind see it.
    _place: Place,
}

impl Attempt {
    /// Whether there were so many failures in a row that a right password proves too little by itself.
    pub(super) fn is_over_the_limit(&self) -> bool {
        self.charged.is_over_the_limit()
    }
}

/// What stands for all known devices together.
pub(super) fn any_device(device_id: Option<Uuid>) -> Option<Uuid> {
    device_id.map(|_| Uuid::max())
}

impl UseCases {
    fn budget(&self, parts: &[&[u8]]) -> Budget {
        Budget(self.master_key.digest(Purpose::Budget, parts))
    }

    /// The budget of an account: that of a known device or of a session, or the one that all strangers share. New
    /// credentials begin with new budgets.
    pub(super) fn account_budget(
        &self,
        user_id: Uuid,
        credential_version: i64,
        device_id: Option<Uuid>,
    ) -> Budget {
        let (version, device) = (credential_version.to_be_bytes(), device_id.unwrap_or_default());
        self.budget(&[b"account", user_id.as_bytes(), &version, device.as_bytes()])
    }

    /// The budget of the failed codes that answer an account's challenges. A new password does not renew it: whoever reads the
    /// mailbox could set one, and guess the app's code anew, as often as they like.
    pub(super) fn code_budget(&self, challenge: &Challenge) -> Budget {
        let device = challenge.device_id.unwrap_or_default();
        self.budget(&[b"codes", challenge.user_id.as_bytes(), device.as_bytes()])
    }

    /// The budget of the mails with an account's codes. All known devices share one, or many of them would flood the mailbox.
    pub(super) fn mail_budget(&self, challenge: &Challenge) -> Budget {
        let device = any_device(challenge.device_id).unwrap_or_default();
        self.budget(&[b"mails", challenge.user_id.as_bytes(), device.as_bytes()])
    }

    /// The budget for a login. Where there is no such account the name stands for one, so that it is throttled like any.
    pub(super) fn login_budget(
        &self,
        name: &LoginName,
        found: Option<&Credentials>,
        device_id: Option<Uuid>,
    ) -> Budget {
        if let Some(found) = found {
            return self.account_budget(found.user.id, found.credential_version, device_id);
        }
        let parts: [&[u8]; 2] = match name {
            LoginName::Username(key) => [b"username", key.as_bytes()],
            LoginName::Email(key) => [b"email", key.as_bytes()],
        };
        self.budget(&parts)
    }

    /// The budget of what is done by way of a mailbox: it goes by the address, whether anybody has that or not. A known
    /// device has its own.
    pub(super) fn mailbox_budget(
        &self,
        what: &[u8],
        email: &Email,
        device_id: Option<Uuid>,
    ) -> Budget {
        let device = device_id.unwrap_or_default();
        self.budget(&[b"mailbox", what, email.key().as_bytes(), device.as_bytes()])
    }

    /// The budget of what a mailbox is told of changes.
    pub(super) fn notice_budget(&self, user: &User) -> Budget {
        // What was stored once may not pass today's rules: then it stands for itself.
        let email = Email::parse(&user.email);
        let address = email.as_ref().map_or(user.email.as_str(), Email::key);
        self.budget(&[b"notices", address.as_bytes()])
    }

    /// Which device of theirs a user's device token stands for. One that is not valid is as good as none.
    pub(super) fn known_device(&self, found: &Credentials, token: &OpaqueToken) -> Option<Uuid> {
        let (user, version) = (&found.user, found.credential_version);
        let token = DeviceToken::parse(token.expose())?;
        let (needs_second_factor, now) = (user.is_2fa_enabled, self.clock.now());
        token.device_of(&self.master_key, user.id, version, needs_second_factor, now)
    }

    /// Evaluates a password at the cost of an attempt.
    ///
    /// The attempt is charged and committed before the password is hashed: of many guesses at once, no more are evaluated
    /// than of as many one after the other. Only one that was not evaluated is given back here. What it takes is borrowed:
    /// the room for it would be multiplied by all who wait.
    pub(super) async fn guess(
        &self,
        budget: &Budget,
        password: &Password,
        stored: Option<&str>,
        caller: &Caller,
    ) -> Result<Guess, Error> {
        // Announced twice: this only asks, so that under a flood of more than can be hashed nobody waits in line for nothing.
        // The second counts, and holds a place until the attempt is charged: nothing is written that would be taken back at
        // once. To hold one while waiting in line would keep others out.
        drop(self.passwords.announce(*caller)?);
        let place = self.lines.enter(budget.0).await;
        let announced = self.passwords.announce(*caller)?;
        let turn = self.lines.ask_store().await;
        let attempt = self.charge(ThrottleRule::Passwords, *budget).await?;
        drop((turn, announced));
        match self.passwords.verify(password, stored, *caller).await {
            Ok(right) => Ok(Guess { right, attempt, _place: place }),
            Err(not_evaluated) => {
                self.take_back(attempt).await?;
                Err(not_evaluated.into())
            }
        }
    }

    /// Charges a budget with an attempt.
    pub(super) async fn charge(
        &self,
        rule: ThrottleRule,
        budget: Budget,
    ) -> Result<Attempt, Error> {
        let (key, now) = (self.throttle_key(rule, budget), self.clock.now());
        match self.store.throttle_charge(key, rule, now).await? {
            Admission::Charged(charged) => Ok(Attempt { key, rule, charged }),
            Admission::Refused(until) => Err(Error::Throttled(until.since(now))),
        }
    }

    /// Gives an attempt back that did not fail.
    pub(super) async fn take_back(&self, attempt: Attempt) -> Result<(), Error> {
        let Attempt { key, rule, charged } = attempt;
        Ok(self.store.throttle_take_back(key, rule, charged).await?)
    }

    /// Ends a row of failed passwords: their owner has logged in. One that is over the limit stays until there is another
    /// password: somebody may have guessed this one.
    pub(super) async fn forget_failures(&self, budget: Budget) -> Result<(), Error> {
        let key = self.throttle_key(ThrottleRule::Passwords, budget);
        Ok(self.store.throttle_forget(key).await?)
    }

    fn throttle_key(&self, rule: ThrottleRule, budget: Budget) -> [u8; 32] {
        let label: &[u8] = match rule {
            ThrottleRule::Passwords => b"passwords",
            ThrottleRule::Codes => b"codes",
            ThrottleRule::Mails => b"mails",
            ThrottleRule::CoolDown(_) => b"cool-down",
        };
        self.master_key.digest(Purpose::Throttle, &[label, &budget.0])
    }
}
