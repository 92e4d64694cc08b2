//! Codes with which people show that they read a mailbox: how one is sent, and how one is answered (ADR 16).
//!
//! Nobody learns here whether an address is anybody's. Limits go by the address as it was typed, and where nobody is to get
//! a code a row is written all the same: it has attempts, it expires, and no code opens anything with it.

use uuid::Uuid;

use super::{Error, UseCases, budget::Budget, second_factor::new_code};
use crate::{
    delivery::{self, Content, Message},
    domain::{OneTimeCode, ThrottleRule, Timestamp, User},
    store::{MailboxCode, MailboxReservation, NewMailboxCode},
    token::{MasterKey, OpaqueToken, Purpose},
};

/// What a code is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    EmailVerification,
    PasswordReset,
}

impl Errand {
    /// What tells ids apart: one of another errand is as good as unknown, and so is its code.
    fn id_purpose(self) -> Purpose {
        match self {
            Self::EmailVerification => Purpose::VerificationId,
            Self::PasswordReset => Purpose::ResetId,
        }
    }

    fn message_purpose(self) -> delivery::Purpose {
        match self {
            Self::EmailVerification => delivery::Purpose::VerifyEmail,
            Self::PasswordReset => delivery::Purpose::ResetPassword,
        }
    }

    /// What its budgets are called.
    pub(super) fn label(self) -> &'static [u8] {
        match self {
            Self::EmailVerification => b"verification",
            Self::PasswordReset => b"reset",
        }
    }
}

/// Who gets a code, and the version of their credentials.
pub(super) type Recipient<'a> = (&'a User, i64);

impl UseCases {
    /// Sends a code to its recipient, or to nobody. Gives the secret id, and when the code expires.
    ///
    /// # Errors
    /// The cool-down; too many mails; the store's.
    pub(super) async fn send_errand(
        &self,
        errand: Errand,
        recipient: Option<Recipient<'_>>,
        budget: Budget,
    ) -> Result<(OpaqueToken, Timestamp), Error> {
        self.charge(ThrottleRule::CoolDown(self.policy.code.resend_after), budget).await?;
        self.charge(ThrottleRule::Mails, budget).await?;
        let id = OpaqueToken::generate(&mut rand::rng());
        let new = self.new_mailbox_code(errand, &id, recipient, budget)?;
        let expires_at = new.code.expires_at;
        self.store.mailbox_code_create(new).await?;
        self.outbox.wake();
        Ok((id, expires_at))
    }

    /// A new code for that id.
    pub(super) fn new_mailbox_code(
        &self,
        errand: Errand,
        id: &OpaqueToken,
        recipient: Option<Recipient<'_>>,
        budget: Budget,
    ) -> Result<NewMailboxCode, Error> {
        let (now, digits) = (self.clock.now(), new_code());
        let expires_at = now.plus(self.policy.code.ttl);
        let id_mac = self.errand_mac(errand, id);
        let code = MailboxCode {
            id: Uuid::now_v7(),
            user_id: recipient.map(|(user, _)| user.id),
            credential_version: recipient.map_or(0, |(_, version)| version),
            budget: budget.0,
            code_mac: self.code_mac(&id_mac, digits.expose()),
            created_at: now,
            expires_at,
        };
        let content = Content::Code { purpose: errand.message_purpose(), code: digits, expires_at };
        let message = recipient.map(|(user, _)| self.seal(&Message::new(user, content, now)));
        Ok(NewMailboxCode { code, id_mac, message: message.transpose()? })
    }

    /// Spends an attempt and compares. Gives what was sent, and to whom, if the code is right.
    ///
    /// # Errors
    /// An id or a code that is not valid; no attempts left; too many failed codes; the store's.
    pub(super) async fn answer_errand(
        &self,
        errand: Errand,
        id: &OpaqueToken,
        code: &str,
    ) -> Result<(MailboxCode, Uuid), Error> {
        let (id_mac, max_attempts) = (self.errand_mac(errand, id), self.policy.code.max_attempts);
        // The attempt is spent and committed before anything is compared: callers in parallel can't share one, and
        // nothing that happens later gives it back.
        let now = self.clock.now();
        let sent = match self.store.mailbox_code_reserve(id_mac, max_attempts, now).await? {
            MailboxReservation::Reserved(sent) => sent,
            MailboxReservation::Exhausted => return Err(Error::ChallengeExhausted),
            MailboxReservation::Invalid => return Err(Error::ChallengeInvalid),
        };
        // The limit over all codes of the address; it too is spent before anything is compared.
        let attempt = self.charge(ThrottleRule::Codes, Budget(sent.budget)).await?;
        // Only now is its form looked at: a malformed guess is a guess.
        let typed = OneTimeCode::parse(code).ok_or(Error::ChallengeInvalid)?;
        if !MasterKey::same(&self.code_mac(&id_mac, typed.expose()), &sent.code_mac) {
            return Err(Error::ChallengeInvalid);
        }
        self.take_back(attempt).await?;
        // Nobody got this code: it was guessed, and opens nothing.
        let user_id = sent.user_id.ok_or(Error::ChallengeInvalid)?;
        Ok((sent, user_id))
    }

    /// Only the digest of an id is kept: whoever reads the database can't answer for anybody.
    fn errand_mac(&self, errand: Errand, id: &OpaqueToken) -> [u8; 32] {
        self.master_key.digest(errand.id_purpose(), &[id.expose().as_bytes()])
    }
}
