//! The password again, of a user who is already known by their token, and the second factor where that is on: whoever has
//! stolen a token must not get the account (ADR 15).

use std::time::Duration;

use zeroize::Zeroizing;

use super::{
    Factors,
    proof::{Code, Proof},
};
use crate::{
    domain::{Context, EventKind, Factor, Password, size},
    service::{Error, fields::check_sizes, sessions::Account},
    store::Spending,
};

/// For how long after its login a session needs no second factor beside the password (OWASP ASVS 5.0, 7.5.1).
const FRESH_LOGIN: Duration = Duration::from_secs(5 * 60);

/// What shows that it is the user who asks, as it was sent.
pub struct Confirmation {
    /// The password.
    pub password: Zeroizing<String>,
    /// The second factor; may be missing.
    pub second_factor: Option<Proof>,
}

impl Confirmation {
    /// The password, once neither field is too long.
    ///
    /// # Errors
    /// Bad fields.
    pub(in crate::service) fn parse(&self) -> Result<Password, Error> {
        let proof = Proof::size_of(self.second_factor.as_ref());
        check_sizes([(size::PASSWORD, &self.password), proof])?;
        Ok(Password::parse(&self.password)?)
    }
}

impl std::fmt::Debug for Confirmation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirmation").finish_non_exhaustive()
    }
}

impl Factors {
    /// Checks what a change of the account needs: the user's password and, where the second factor is on, a session that has
    /// used it, and it again unless the login was a moment ago.
    ///
    /// A password costs an attempt of the session's own budget, and so does a code: whoever holds its token can't guess for
    /// long, and keeps nobody else from logging in.
    ///
    /// # Errors
    /// The session or the request shows too little; a second factor that can't be a code; one of the two is not right; too many failures, or more changes in an hour
    /// than a mailbox is told of; the store's and the hasher's.
    pub(in crate::service) async fn confirm(
        &self,
        context: &Context,
        account: &Account,
        password: &Password,
        second_factor: Option<&Proof>,
    ) -> Result<(), Error> {
        // Before the password: it costs nothing, and whoever holds the token knows all that this tells.
        let second_factor = self.needed(account, second_factor)?;
        let credentials = account.credentials();
        let (user_id, session_id) = (credentials.user.id, account.session().id);
        let version = credentials.credential_version;
        let budget =
            self.limits.account_budget(user_id, version, Some(session_id), context.address);
        let stored = Some(credentials.password_hash.as_str());
        let guess = self.limits.guess(context, &budget, password, stored).await?;
        // After so many failures even the right one may be a lucky guess: it takes a login.
        if !guess.right || guess.attempt.is_over_the_limit() {
            return self.refuse_confirmation(context, account).await;
        }
        self.store.throttle_settle(self.limits.settled(&guess.attempt)).await?;
        if let Some(proof) = second_factor {
            self.confirm_second_factor(context, account, &proof).await?;
        }
        // What is confirmed is told to the mailbox: an account with somebody else's address must not flood it.
        self.limits.charge(vec![self.limits.notice_charge(&credentials.user)]).await?;
        Ok(())
    }

    /// The proof that is needed beside the password, if one is. What is not needed is not looked at, and not used up.
    fn needed(&self, account: &Account, given: Option<&Proof>) -> Result<Option<Code>, Error> {
        if !account.user().is_2fa_enabled {
            return Ok(None);
        }
        account.must_have_used_second_factor()?;
        // The login, and never a refresh: that takes no more than what a thief has.
        if account.session().is_fresh(self.clock.now(), FRESH_LOGIN) {
            return Ok(None);
        }
        Ok(Some(given.ok_or(Error::FreshProofNeeded)?.parse()?))
    }

    /// Evaluates the second factor and uses it up, at the cost of an attempt that is charged and committed before.
    async fn confirm_second_factor(
        &self,
        context: &Context,
        account: &Account,
        proof: &Code,
    ) -> Result<(), Error> {
        let (user_id, session_id) = (account.user().id, Some(account.session().id));
        // The session stands where a device does: strangers have no part in its budget.
        let charges =
            self.limits.code_charges(proof.factor(), user_id, session_id, context.address);
        let attempt = self.limits.charge(charges).await?;
        match self.spend_second_factor(context, account, proof).await {
            Ok(()) => self.limits.take_back(attempt).await,
            Err(Error::ChallengeInvalid) => {
                let kind = EventKind::ConfirmationFailed;
                self.limits
                    .record_wrong_code(context, kind, user_id, session_id, Some(&attempt))
                    .await?;
                // The same answer as for a wrong password.
                Err(Error::InvalidCredentials)
            }
            Err(error) => Err(error),
        }
    }

    async fn spend_second_factor(
        &self,
        context: &Context,
        account: &Account,
        proof: &Code,
    ) -> Result<(), Error> {
        let user = account.user();
        let spending = match proof {
            // None is sent for this: whoever has no app logs in again.
            Code::Sent(_) => return Err(Error::ChallengeInvalid),
            Code::Totp(code) => self.app_code(code, user).await?,
            Code::Recovery(code) => {
                Spending::RecoveryCode(Box::new(self.recovery_code(context, code, user)?))
            }
        };
        // Of several callers with the right code, one passes; and none whose session has ended meanwhile.
        if !self.store.factor_spend(self.factor_change(context, account), spending).await? {
            return Err(Error::ChallengeInvalid);
        }
        if proof.factor() == Factor::RecoveryCode {
            self.outbox.wake();
        }
        Ok(())
    }

    async fn refuse_confirmation(&self, context: &Context, account: &Account) -> Result<(), Error> {
        let (user_id, session_id) = (Some(account.user().id), Some(account.session().id));
        let kind = EventKind::ConfirmationFailed;
        self.limits.record_failure(context, kind, user_id, session_id).await?;
        Err(Error::InvalidCredentials)
    }
}
