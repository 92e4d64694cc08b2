//! ResendCode: a new code for a challenge that is still open.

use super::{Error, PendingChallenge, UseCases, second_factor::new_code};
use crate::{
    store::{CodeRules, Renewal},
    token::OpaqueToken,
};

impl UseCases {
    /// Sends a new code. The one before stops working; the attempts it took stay spent.
    ///
    /// # Errors
    /// A challenge that is not valid or exhausted; the cool-down; the store's.
    pub async fn resend_code(&self, token: OpaqueToken) -> Result<PendingChallenge, Error> {
        let (now, policy) = (self.clock.now(), &self.policy.code);
        let (token_mac, code) = (self.challenge_mac(&token), new_code());
        // Random ids, of which anybody can send many, get no further: they do not queue for the one writer of SQLite.
        let found = self.store.challenge_find(token_mac).await?;
        let (challenge, user) = found.ok_or(Error::ChallengeInvalid)?;
        let rules = CodeRules {
            now,
            next_resend_at: now.plus(policy.resend_after),
            max_attempts: policy.max_attempts,
        };
        let code_mac = self.code_mac(&token_mac, code.expose());
        let message = self.login_code(&user, code, &challenge)?;
        let renewal = self.store.challenge_renew(token_mac, code_mac, rules, message).await?;
        let challenge = match renewal {
            Renewal::Renewed(challenge) => challenge,
            Renewal::TooEarly(resend_at) => return Err(Error::Throttled(resend_at.since(now))),
            Renewal::Exhausted => return Err(Error::ChallengeExhausted),
            Renewal::Invalid => return Err(Error::ChallengeInvalid),
        };
        self.outbox.wake();
        Ok(self.pending(token, &challenge, &user))
    }
}
