//! Verify2FA: reserve an attempt, compare, consume the challenge.

use super::{Error, Tokens, UseCases, login::Destination};
use crate::{
    domain::{AuthMethod, Caller, Challenge, InvalidField, OneTimeCode},
    store::Reservation,
    token::{MasterKey, OpaqueToken},
};

/// What a caller sent.
#[derive(Debug)]
pub struct Verify2faRequest {
    /// The challenge's secret id.
    pub challenge: OpaqueToken,
    /// The code as it was typed; nothing if there was no proof at all.
    pub otp_code: Option<zeroize::Zeroizing<String>>,
}

impl UseCases {
    /// Checks a proof.
    ///
    /// # Errors
    /// A missing proof; a challenge or a code that is not valid; no attempts left; the store's.
    pub async fn verify_2fa(
        &self,
        request: Verify2faRequest,
        caller: Caller,
    ) -> Result<Tokens, Error> {
        let Some(code) = &request.otp_code else {
            return Err(InvalidField::new("otp_code", "must hold the code that was sent").into());
        };
        let token_mac = self.challenge_mac(&request.challenge);
        // The attempt is spent and committed before anything is compared: callers in parallel can't share one, and
        // nothing that happens later gives it back.
        let max_attempts = self.policy.code.max_attempts;
        let (challenge, right_mac) =
            match self.store.challenge_reserve(token_mac, max_attempts, self.clock.now()).await? {
                Reservation::Reserved { challenge, code_mac } => (challenge, code_mac),
                Reservation::Exhausted => return Err(Error::ChallengeExhausted),
                Reservation::Invalid => return Err(Error::ChallengeInvalid),
            };
        // Only now is its form looked at: a malformed guess is a guess.
        let typed = OneTimeCode::parse(code).ok_or(Error::ChallengeInvalid)?;
        if !MasterKey::same(&self.code_mac(&token_mac, typed.expose()), &right_mac) {
            return Err(Error::ChallengeInvalid);
        }
        self.answer(challenge, caller).await
    }

    /// Completes the login whose challenge was answered rightly.
    async fn answer(&self, challenge: Challenge, caller: Caller) -> Result<Tokens, Error> {
        let user = self.store.user_by_id(challenge.user_id).await?;
        let credentials = user.ok_or(Error::ChallengeInvalid)?;
        let destination = Destination {
            audience: challenge.audience.clone(),
            device_name: challenge.device_name.clone(),
            address: caller.address,
        };
        let methods = [AuthMethod::Password, AuthMethod::OneTimeCode, AuthMethod::MultiFactor];
        let session = self.new_session(&credentials, &destination, &methods);
        // Of several callers with the right code, one passes; and none if the account has been disabled or its
        // password changed since the challenge began.
        if !self.store.challenge_complete(challenge, session.clone()).await? {
            return Err(Error::ChallengeInvalid);
        }
        self.issue(&credentials.user, &session, session.created_at)
    }
}
