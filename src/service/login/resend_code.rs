//! ResendCode: a new code for a challenge that is still open.

use super::{Logins, challenge::PendingChallenge};
use crate::{
    domain::{self, Challenge, Context, User, size},
    service::{
        Error,
        codes::{challenge_id_mac, code_mac, new_code},
        fields::check_sizes,
        retries::Retry,
    },
    store::{CodeRules, Renewal},
    token::OpaqueToken,
};

impl Logins {
    /// Sends a new code. The previous one is void; the attempts spent on it stay spent. A retry sends none.
    ///
    /// # Errors
    /// A challenge that is not valid, is exhausted, or has no mailed code; the cool-down; too many calls or mails; the
    /// store's.
    pub async fn resend_code(
        &self,
        context: &Context,
        challenge_id: OpaqueToken,
        request_id: &str,
    ) -> Result<PendingChallenge, Error> {
        check_sizes([(size::REQUEST_ID, request_id)])?;
        challenge_id.check_size(size::CHALLENGE_ID).ok_or(Error::ChallengeInvalid)?;
        self.limits.admit(context)?;
        let request_id = domain::request_id(request_id)?;
        let id_mac = challenge_id_mac(&self.master_key, &challenge_id);
        let retry = self.retries.of(request_id, "ResendCode", &[id_mac.as_slice()]);
        let first = self.renew(context, id_mac, &retry);
        let again = |_empty| self.open_challenge(id_mac);
        let (challenge, user) = self.retries.once(&retry, first, again).await?;
        self.pending(challenge_id, &challenge, &user).await
    }

    async fn renew(
        &self,
        context: &Context,
        id_mac: [u8; 32],
        retry: &Retry,
    ) -> Result<(Challenge, User), Error> {
        let (now, policy) = (self.clock.now(), &self.policy.code);
        // A read first: floods of random ids do not queue for SQLite's single writer.
        let (challenge, user) = self.open_challenge(id_mac).await?;
        if !challenge.is_sent_a_code() {
            return Err(Error::FactorUnavailable);
        }
        let rules = CodeRules {
            now,
            next_resend_at: now.plus(policy.resend_after),
            max_attempts: policy.max_attempts,
            is_long_code: self.needs_long_code(&challenge, context.address).await?,
            carried_out: self.retries.carried_out(retry, &[])?,
        };
        let code = new_code(rules.is_long_code);
        let code_mac = code_mac(&self.master_key, &id_mac, code.expose());
        let message = self.login_code(&user, code, &challenge, context)?;
        let mail = self.limits.login_mail_charge(&user, challenge.device_id.is_some());
        let mail = self.limits.charge(vec![mail]).await?;
        let not_renewed = match self.store.challenge_renew(id_mac, code_mac, rules, message).await?
        {
            Renewal::Renewed(challenge) => {
                self.outbox.wake();
                return Ok((challenge, user));
            }
            Renewal::TooEarly(resend_at) => Error::Throttled(resend_at.since(now)),
            Renewal::Exhausted => Error::ChallengeExhausted,
            Renewal::Invalid => Error::ChallengeInvalid,
        };
        self.limits.take_back(&mail).await?;
        Err(not_renewed)
    }

    async fn open_challenge(&self, id_mac: [u8; 32]) -> Result<(Challenge, User), Error> {
        let found = self.store.challenge_find(id_mac).await?;
        found.filter(|(found, _)| found.is_open(self.clock.now())).ok_or(Error::ChallengeInvalid)
    }
}
