//! Challenges and the codes that answer them.

use std::net::IpAddr;

use uuid::Uuid;

use super::{Error, UseCases, login::Destination};
use crate::{
    delivery::{Content, Message, Purpose},
    domain::{Challenge, Factor, OneTimeCode, ThrottleRule, Timestamp, User},
    store::{Credentials, NewChallenge, SealedMessage},
    token::{self, MasterKey, OpaqueToken},
};

/// A challenge as its caller sees it.
#[derive(Debug)]
pub struct PendingChallenge {
    /// The secret id.
    pub token: OpaqueToken,
    /// What can answer it.
    pub factors: Vec<Factor>,
    /// Where the code went, mostly hidden; nothing if none was sent.
    pub masked_destination: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// From when another code can be sent; nothing if none is.
    pub resend_at: Option<Timestamp>,
    /// How many codes can still be tried.
    pub attempts_remaining: u32,
}

impl UseCases {
    /// Begins a challenge for a user whose password was right, and sends the code, if it is one of the mailbox.
    ///
    /// # Errors
    /// Too many mails; the store's.
    pub(super) async fn begin_challenge(
        &self,
        credentials: &Credentials,
        destination: &Destination,
    ) -> Result<PendingChallenge, Error> {
        let has = self.store.factors_of(credentials.user.id).await?;
        let factors = Factor::offered(has.totp.is_some(), has.has_recovery_codes);
        let challenge = self.new_challenge(credentials, destination, factors);
        let token = OpaqueToken::generate(&mut rand::rng());
        let (token_mac, address) = (self.challenge_mac(&token), destination.address);
        let (code_mac, message) = if challenge.is_sent_a_code() {
            self.charge(ThrottleRule::Mails, self.mail_budget(&challenge)).await?;
            let code = new_code();
            let code_mac = self.code_mac(&token_mac, code.expose());
            let message = self.login_code(&credentials.user, code, &challenge, address)?;
            (code_mac, Some(message))
        } else {
            // The digest of no code at all.
            (rand::random(), None)
        };
        let new = NewChallenge { challenge: challenge.clone(), token_mac, code_mac, address };
        self.store.challenge_create(new, message).await?;
        if challenge.is_sent_a_code() {
            self.outbox.wake();
        }
        Ok(self.pending(token, &challenge, &credentials.user))
    }

    fn new_challenge(
        &self,
        credentials: &Credentials,
        destination: &Destination,
        factors: Vec<Factor>,
    ) -> Challenge {
        let (now, rules) = (self.clock.now(), &self.policy.code);
        let expires_at = now.plus(rules.ttl);
        // Where no code is sent there is none to send again. A release that knows no factors goes by this time alone.
        let is_sent_a_code = factors.contains(&Factor::EmailCode);
        let resend_at = if is_sent_a_code { now.plus(rules.resend_after) } else { expires_at };
        Challenge {
            id: Uuid::now_v7(),
            user_id: credentials.user.id,
            credential_version: credentials.credential_version,
            factors,
            attempts: 0,
            audience: destination.audience.clone(),
            device_name: destination.device_name.clone(),
            device_id: destination.device_id,
            created_at: now,
            resend_at,
            expires_at,
            consumed_at: None,
        }
    }

    /// Only the digest of a challenge's id is kept: whoever reads the database can't answer for anybody.
    pub(super) fn challenge_mac(&self, token: &OpaqueToken) -> [u8; 32] {
        self.master_key.digest(token::Purpose::ChallengeId, &[token.expose().as_bytes()])
    }

    /// The digest binds a code to what it was sent for: the same digits mean nothing with another id.
    pub(super) fn code_mac(&self, id_mac: &[u8; 32], code: &str) -> [u8; 32] {
        self.master_key.digest(token::Purpose::OneTimeCode, &[id_mac, code.as_bytes()])
    }

    /// Whether the code that was sent is what was typed. Its form is looked at only here, after the attempt was spent: a
    /// malformed guess is a wrong one.
    pub(super) fn is_code(&self, id_mac: &[u8; 32], typed: &str, code_mac: &[u8; 32]) -> bool {
        OneTimeCode::parse(typed)
            .is_some_and(|typed| MasterKey::same(&self.code_mac(id_mac, typed.expose()), code_mac))
    }

    /// The message with a challenge's code, encrypted, for a caller at `address`: it is of no use once the challenge has ended.
    pub(super) fn login_code(
        &self,
        user: &User,
        code: OneTimeCode,
        challenge: &Challenge,
        address: Option<IpAddr>,
    ) -> Result<SealedMessage, Error> {
        let expires_at = challenge.expires_at;
        let content = Content::Code { purpose: Purpose::Login, code, expires_at };
        self.seal(&Message::new(user, content, address, self.clock.now()))
    }

    pub(super) fn pending(
        &self,
        token: OpaqueToken,
        challenge: &Challenge,
        user: &User,
    ) -> PendingChallenge {
        PendingChallenge {
            token,
            factors: challenge.factors.clone(),
            masked_destination: challenge.is_sent_a_code().then(|| user.masked_email()),
            expires_at: challenge.expires_at,
            resend_at: challenge.is_sent_a_code().then_some(challenge.resend_at),
            attempts_remaining: challenge.attempts_remaining(&self.policy.code),
        }
    }
}

pub(super) fn new_code() -> OneTimeCode {
    OneTimeCode::generate(&mut rand::rng())
}
