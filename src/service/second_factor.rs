//! Challenges and the codes that answer them.

use uuid::Uuid;

use super::{Error, UseCases, login::Destination};
use crate::{
    delivery::{Content, Message, Purpose},
    domain::{Challenge, OneTimeCode, Timestamp, User},
    store::{Credentials, NewChallenge, SealedMessage},
    token::{self, OpaqueToken},
};

/// A challenge as its caller sees it.
#[derive(Debug)]
pub struct PendingChallenge {
    /// The secret id.
    pub token: OpaqueToken,
    /// Where the code went, mostly hidden.
    pub masked_destination: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// From when another code can be sent.
    pub resend_at: Timestamp,
    /// How many codes can still be tried.
    pub attempts_remaining: u32,
}

impl UseCases {
    /// Begins a challenge for a user whose password was right, and sends the code.
    pub(super) async fn begin_challenge(
        &self,
        credentials: &Credentials,
        destination: &Destination,
    ) -> Result<PendingChallenge, Error> {
        let (now, rules) = (self.clock.now(), &self.policy.code);
        let challenge = Challenge {
            id: Uuid::now_v7(),
            user_id: credentials.user.id,
            credential_version: credentials.credential_version,
            attempts: 0,
            audience: destination.audience.clone(),
            device_name: destination.device_name.clone(),
            created_at: now,
            resend_at: now.plus(rules.resend_after),
            expires_at: now.plus(rules.ttl),
            consumed_at: None,
        };
        let (token, code) = (OpaqueToken::generate(&mut rand::rng()), new_code());
        let token_mac = self.challenge_mac(&token);
        let code_mac = self.code_mac(&token_mac, code.expose());
        let new = NewChallenge { challenge: challenge.clone(), token_mac, code_mac };
        let message = self.login_code(&credentials.user, code, &challenge)?;
        self.store.challenge_create(new, message).await?;
        self.outbox.wake();
        Ok(self.pending(token, &challenge, &credentials.user))
    }

    /// Only the digest of a challenge's id is kept: whoever reads the database can't answer for anybody.
    pub(super) fn challenge_mac(&self, token: &OpaqueToken) -> [u8; 32] {
        self.master_key.digest(token::Purpose::ChallengeId, &[token.expose().as_bytes()])
    }

    /// The digest binds a code to its challenge: the same digits mean nothing for another one.
    pub(super) fn code_mac(&self, challenge_mac: &[u8; 32], code: &str) -> [u8; 32] {
        self.master_key.digest(token::Purpose::OneTimeCode, &[challenge_mac, code.as_bytes()])
    }

    /// The message with a challenge's code, encrypted: it is of no use once the challenge has ended.
    pub(super) fn login_code(
        &self,
        user: &User,
        code: OneTimeCode,
        challenge: &Challenge,
    ) -> Result<SealedMessage, Error> {
        let expires_at = challenge.expires_at;
        let content = Content::Code { purpose: Purpose::Login, code, expires_at };
        self.seal(&Message::new(user, content, self.clock.now()))
    }

    pub(super) fn pending(
        &self,
        token: OpaqueToken,
        challenge: &Challenge,
        user: &User,
    ) -> PendingChallenge {
        PendingChallenge {
            token,
            masked_destination: user.masked_email(),
            expires_at: challenge.expires_at,
            resend_at: challenge.resend_at,
            attempts_remaining: challenge.attempts_remaining(&self.policy.code),
        }
    }
}

pub(super) fn new_code() -> OneTimeCode {
    OneTimeCode::generate(&mut rand::rng())
}
