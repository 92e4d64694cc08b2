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
        let rules = CodeRules {
            now,
            next_resend_at: now.plus(policy.resend_after),
            max_attempts: policy.max_attempts,
        };
        let code_mac = self.code_mac(&token_mac, code.expose());
        let (challenge, user) = match self.store.challenge_renew(token_mac, code_mac, rules).await?
        {
            Renewal::Renewed { challenge, user } => (challenge, user),
            Renewal::TooEarly(resend_at) => return Err(Error::Throttled(resend_at.since(now))),
            Renewal::Exhausted => return Err(Error::ChallengeExhausted),
            Renewal::Invalid => return Err(Error::ChallengeInvalid),
        };
        self.send_code(&user, &code);
        Ok(self.pending(token, &challenge, &user))
    }
}
