//! Verify2FA: reserve an attempt, compare, consume the challenge.

use super::{Error, Tokens, UseCases, login::Destination};
use crate::{
    domain::{AuthMethod, Caller, Challenge, EventKind, InvalidField, OneTimeCode, ThrottleRule},
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
    /// A missing proof; a challenge or a code that is not valid; no attempts left; too many failed codes; the store's.
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
        let user_id = challenge.user_id;
        let answered = self.check_code(challenge, &token_mac, code, &right_mac, caller).await;
        if matches!(answered, Err(Error::ChallengeInvalid)) {
            let (user_id, kind) = (Some(user_id), EventKind::CodeFailed);
            self.record_failure(kind, user_id, None, caller.address).await?;
        }
        answered
    }

    /// Completes the login, if the code is right.
    async fn check_code(
        &self,
        challenge: Challenge,
        token_mac: &[u8; 32],
        code: &str,
        right_mac: &[u8; 32],
        caller: Caller,
    ) -> Result<Tokens, Error> {
        // The account's own limit, over all challenges; it too is spent before anything is compared.
        let budget = self.challenge_budget(&challenge);
        let attempt = self.charge(ThrottleRule::Codes, budget).await?;
        // Only now is its form looked at: a malformed guess is a guess.
        let typed = OneTimeCode::parse(code).ok_or(Error::ChallengeInvalid)?;
        if !MasterKey::same(&self.code_mac(token_mac, typed.expose()), right_mac) {
            return Err(Error::ChallengeInvalid);
        }
        self.take_back(attempt).await?;
        self.forget_failures(budget).await?;
        self.answer(challenge, caller).await
    }

    /// Completes the login whose challenge was answered rightly.
    async fn answer(&self, challenge: Challenge, caller: Caller) -> Result<Tokens, Error> {
        let user = self.store.user_by_id(challenge.user_id).await?;
        let credentials = user.ok_or(Error::ChallengeInvalid)?;
        let destination = Destination {
            device_id: challenge.device_id,
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
        self.issue_at_login(&credentials, &session, &destination)
    }
}
