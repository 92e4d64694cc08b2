//! Step-up authentication: the password again, from a user with a valid token, and the second factor where it is on. A
//! stolen token must not be enough to take over the account (ADR 15).

use std::time::Duration;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Factors,
    proof::{Code, Proof},
};
use crate::{
    domain::{Context, EventKind, Factor, Password, request_id, size},
    service::{
        Error,
        fields::{Fields, check_sizes},
        sessions::Account,
    },
    store::{Credentials, Spending},
};

/// For how long after its login a session needs no second factor beside the password (OWASP ASVS 5.0, 7.5.1).
const FRESH_LOGIN: Duration = Duration::from_secs(5 * 60);

/// A user's proof, as it was sent.
pub struct Confirmation {
    /// The password.
    pub password: Zeroizing<String>,
    /// The second factor; may be missing.
    pub second_factor: Option<Proof>,
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

impl Confirmation {
    /// The password and the id of the request, if no field is too long.
    ///
    /// # Errors
    /// Bad fields.
    pub(in crate::service) fn parse(&self) -> Result<(Password, Option<Uuid>), Error> {
        check_sizes(self.sizes())?;
        let mut fields = Fields::default();
        let values = self.check(&mut fields);
        fields.all(values)
    }

    /// The size limits of its fields, and their texts: for a request that has more of them.
    pub(in crate::service) fn sizes(&self) -> [(size::Size, &str); 3] {
        let proof = Proof::size_of(self.second_factor.as_ref());
        [(size::PASSWORD, &self.password), proof, (size::REQUEST_ID, &self.request_id)]
    }

    /// The password and the id of the request, of fields that are not too long.
    pub(in crate::service) fn check(
        &self,
        fields: &mut Fields,
    ) -> Option<(Password, Option<Uuid>)> {
        let password = fields.check(Password::parse(&self.password));
        let request_id = fields.check(request_id(&self.request_id));
        password.zip(request_id)
    }
}

impl std::fmt::Debug for Confirmation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirmation").finish_non_exhaustive()
    }
}

impl Factors {
    /// Checks that a change of the account is the user's: the password and, where the second factor is on, a session
    /// that has used it, and the second factor again unless the login was a moment ago.
    ///
    /// Passwords and codes are charged to the session's own budget: a thief of its token can't brute force for long,
    /// and locks no login out.
    ///
    /// # Errors
    /// The session or the request shows too little; a second factor that can't be a code; a wrong password or second
    /// factor; too many failures, or more changes in an hour than a mailbox is told of; the store's and the hasher's.
    pub(in crate::service) async fn confirm(
        &self,
        context: &Context,
        account: &Account,
        password: &Password,
        second_factor: Option<&Proof>,
    ) -> Result<(), Error> {
        // Before the password: the check is cheap, and the token's holder knows all that the answer tells.
        let second_factor = self.needed(account, second_factor)?;
        self.check_password(context, account, account.credentials(), password).await?;
        if let Some(proof) = second_factor {
            self.confirm_second_factor(context, account, &proof).await?;
        }
        // Each confirmed change mails a notice: an account with another person's address must not flood it.
        self.limits.charge(vec![self.limits.notice_charge(account.user())]).await?;
        Ok(())
    }

    /// Checks the password of a retry, as it is now: the request itself may have changed it, and has used the second factor up.
    ///
    /// # Errors
    /// A wrong password; too many failures; the store's and the hasher's.
    pub(in crate::service) async fn confirm_again(
        &self,
        context: &Context,
        account: &Account,
        password: &Password,
    ) -> Result<(), Error> {
        let now = self.store.user_by_id(account.user().id).await?;
        let now = now.ok_or(Error::InvalidCredentials)?;
        self.check_password(context, account, &now, password).await
    }

    /// Checks a password at the cost of an attempt of the session's own budget.
    ///
    /// # Errors
    /// A wrong password; too many failures; the store's and the hasher's.
    pub(in crate::service) async fn check_password(
        &self,
        context: &Context,
        account: &Account,
        credentials: &Credentials,
        password: &Password,
    ) -> Result<(), Error> {
        let (user_id, session_id) = (credentials.user.id, account.session().id);
        let version = credentials.credential_version;
        let budget =
            self.limits.account_budget(user_id, version, Some(session_id), context.address);
        let stored = Some(credentials.password_hash.as_str());
        let guess = self.limits.guess(context, &budget, password, stored).await?;
        // After so many failures a right password may be a lucky guess: only a new login helps.
        if !guess.right || guess.attempt.is_over_the_limit() {
            return self.refuse_confirmation(context, account).await;
        }
        Ok(self.store.throttle_settle(self.limits.settled(&guess.attempt)).await?)
    }

    /// The proof that is needed beside the password, if any. One that is not needed is neither checked nor used up.
    fn needed(&self, account: &Account, given: Option<&Proof>) -> Result<Option<Code>, Error> {
        if !account.user().is_2fa_enabled {
            return Ok(None);
        }
        account.must_have_used_second_factor()?;
        // Since the login, never since a refresh: a thief with the refresh token can do that.
        if account.session().is_fresh(self.clock.now(), FRESH_LOGIN) {
            return Ok(None);
        }
        Ok(Some(given.ok_or(Error::FreshProofNeeded)?.parse()?))
    }

    /// Checks the second factor and consumes it, at the cost of an attempt that is charged and committed before.
    async fn confirm_second_factor(
        &self,
        context: &Context,
        account: &Account,
        proof: &Code,
    ) -> Result<(), Error> {
        let (user_id, session_id) = (account.user().id, Some(account.session().id));
        // The session takes the place of a device: strangers have no part in its budget.
        let charges =
            self.limits.code_charges(proof.factor(), user_id, session_id, context.address);
        let attempt = self.limits.charge(charges).await?;
        match self.spend_second_factor(context, account, proof).await {
            Ok(()) => self.limits.take_back(&attempt).await,
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
            // No code is sent for this, and no passkey asked for: a user without an app proves who they are by Reauthenticate.
            Code::Sent(_) | Code::Passkey(_) => return Err(Error::ChallengeInvalid),
            Code::Totp(code) => self.app_code(code, user).await?,
            Code::Recovery(code) => {
                Spending::RecoveryCode(Box::new(self.recovery_code(context, code, user)?))
            }
        };
        // A race: of several callers with the right code one succeeds; none if the session has ended meanwhile.
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
