//! Whether an assertion is of a user's passkey. What is wrong with one is for the log; its sender learns that it was refused.

use uuid::Uuid;

use super::{Ceremonies, Purpose};
use crate::{
    delivery::Notice,
    domain::{Context, EventKind, Passkey, User},
    passkey::{
        Assertion, Challenge, Demand, Refused, StoredCredential, UserHandle, UserVerification,
    },
    service::Error,
    store::{NewAssertion, PasskeyProof, PasskeyUse},
};

/// An answer to a challenge of ours that has not ended. Whether it was used before the store finds out.
#[derive(Debug)]
pub(in crate::service) struct Answered {
    challenge: Challenge,
    used: NewAssertion,
}

/// What an assertion proves by itself.
#[derive(Debug)]
pub(in crate::service) enum Proof {
    /// It is right: what the store writes together with what comes of it.
    Right(PasskeyProof),
    /// It is not.
    Wrong,
    /// It is, but for its counter, which did not go up.
    Copied,
}

impl Answered {
    /// A keyed digest of the challenge.
    pub(in crate::service) fn key(&self) -> &[u8; 32] {
        &self.used.digest
    }
}

impl Ceremonies {
    /// Whether an assertion answers a login's challenge. In memory: made-up answers reach no database.
    ///
    /// # Errors
    /// There are no passkeys; a challenge that is not ours, is for something else, or has ended.
    pub(in crate::service) fn answered(&self, assertion: &Assertion) -> Result<Answered, Error> {
        let challenge = assertion.challenge().ok_or(Error::ChallengeInvalid)?;
        let used = self.use_of(&challenge, Purpose::Login)?;
        Ok(Answered { challenge, used })
    }

    /// Whether the assertion is right, as all that is shown: it must say whose it is, and its authenticator must have verified its user.
    ///
    /// # Errors
    /// A challenge that was used, where the counter stands still: it is the same answer again, and no copy; the store's.
    pub(in crate::service) async fn prove(
        &self,
        assertion: &Assertion,
        answered: &Answered,
        passkey: &Passkey,
    ) -> Result<Proof, Error> {
        let demand = Demand::discoverable_login(UserVerification::Required);
        match self.judge(assertion, &answered.challenge, passkey, demand)? {
            Ok(usage) => Ok(Proof::Right(PasskeyProof { usage, used: answered.used })),
            Err(refused) if !refused.may_be_a_clone() => Ok(Proof::Wrong),
            Err(_counter) => {
                let is_used = self.store.passkey_challenge_used(*answered.key()).await?;
                if is_used { Err(Error::ChallengeInvalid) } else { Ok(Proof::Copied) }
            }
        }
    }

    /// Checks the answer to a login's challenge, by a user whose password was right.
    ///
    /// # Errors
    /// An assertion that is not right; the store's.
    pub(in crate::service) async fn check_factor(
        &self,
        context: &Context,
        assertion: &Assertion,
        challenge_id_mac: &[u8; 32],
        user: &User,
    ) -> Result<PasskeyUse, Error> {
        let verification = self.relying_party()?.user_verification();
        let found = self.store.passkey_find(assertion.credential_id().to_vec()).await?;
        let (passkey, _) = found
            .filter(|(passkey, _)| passkey.user_id == user.id)
            .ok_or(Error::ChallengeInvalid)?;
        let challenge = self.factor_challenge(challenge_id_mac);
        let demand = Demand::second_factor(verification);
        match self.judge(assertion, &challenge, &passkey, demand)? {
            Ok(usage) => Ok(usage),
            Err(refused) => {
                // The same request sent twice at once: the counter that the first one raised is no sign of a copy (race).
                if refused.may_be_a_clone() && !self.is_consumed(challenge_id_mac).await? {
                    self.tell_of_a_copy(context, user.id).await?;
                }
                Err(Error::ChallengeInvalid)
            }
        }
    }

    async fn is_consumed(&self, challenge_id_mac: &[u8; 32]) -> Result<bool, Error> {
        let found = self.store.challenge_find(*challenge_id_mac).await?;
        Ok(found.is_some_and(|(challenge, _)| challenge.consumed_at.is_some()))
    }

    /// The use of a passkey, or the rule that the assertion breaks.
    ///
    /// # Errors
    /// There are no passkeys.
    fn judge(
        &self,
        assertion: &Assertion,
        challenge: &Challenge,
        passkey: &Passkey,
        demand: Demand,
    ) -> Result<Result<PasskeyUse, Refused>, Error> {
        let handle = UserHandle::from_bytes(passkey.user_handle);
        let stored = StoredCredential {
            id: &passkey.credential_id,
            user_handle: &handle,
            public_key: &passkey.public_key,
            sign_count: passkey.sign_count,
            backup_eligible: passkey.backup_eligible,
        };
        let verdict = assertion.verify(self.relying_party()?, challenge, &stored, demand);
        if let Err(refused) = &verdict {
            tracing::info!(passkey_id = %passkey.id, %refused, "a passkey was refused");
        }
        Ok(verdict.map(|asserted| PasskeyUse {
            id: passkey.id,
            sign_count: asserted.sign_count,
            backed_up: asserted.backed_up,
            at: self.clock.now(),
        }))
    }

    /// A counter that did not go up says that somebody may have a copy of the key: the owner is told, once a day.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::service) async fn tell_of_a_copy(
        &self,
        context: &Context,
        user_id: Uuid,
    ) -> Result<(), Error> {
        let (kind, notice) = (EventKind::PasskeyCopied, Some(Notice::PasskeyCopied));
        self.limits.record_and_tell(context, kind, user_id, None, notice).await
    }
}
