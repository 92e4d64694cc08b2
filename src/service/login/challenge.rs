//! Challenges and the codes that answer them. Their rules are in `domain/challenge.rs`.

use std::net::IpAddr;

use uuid::Uuid;

use super::Logins;
use crate::{
    delivery::{Content, Message},
    domain::{
        Challenge, CodePurpose, Context, Factor, FirstProof, OneTimeCode, ThrottleRule, Timestamp,
        User,
    },
    service::{
        Error,
        codes::{challenge_id_mac, code_mac, new_code},
        sessions::Destination,
    },
    store::{Admission, Charge, Credentials, NewChallenge, SealedCode, SealedMessage, Settled},
    token::OpaqueToken,
};

/// A challenge, as callers see it: never with the code.
#[derive(Debug)]
pub struct PendingChallenge {
    /// The secret id.
    pub challenge_id: OpaqueToken,
    /// The factors that can answer it.
    pub factors: Vec<Factor>,
    /// The masked destination of the code; `None` if none was sent.
    pub masked_destination: Option<String>,
    /// When the challenge expires.
    pub expires_at: Timestamp,
    /// The earliest time for another code; `None` if none can be sent.
    pub resend_at: Option<Timestamp>,
    /// The attempts that are left.
    pub attempts_remaining: u32,
    /// What a browser is asked for a passkey: JSON; `None` where none can answer it.
    pub passkey_request_options: Option<String>,
}

/// What a login has shown before its challenge, and what the challenge's beginning does with that.
#[derive(Debug)]
pub(super) enum Begun {
    /// A password, whose attempts are refunded.
    ByPassword(Settled),
    /// The mailbox, by this code, which is consumed.
    ByCode(Uuid),
}

impl Begun {
    fn first(&self) -> FirstProof {
        match self {
            Self::ByPassword(_) => FirstProof::Password,
            Self::ByCode(_) => FirstProof::Mailbox,
        }
    }
}

/// What a challenge can be answered by.
struct Usable {
    factors: Vec<Factor>,
    /// The charge of the mail with the code.
    mail: Option<Charge>,
    /// Whether six digits would be refused.
    needs_long_code: bool,
}

impl Logins {
    /// Begins a challenge for a user whose password or mailed code was right, and sends the code if the factor is the mailbox. With it
    /// goes the refund of the password's attempt, or the mailed code's consumption. `None` if the user was disabled, or the password
    /// changed, meanwhile, or another login has used the mailed code.
    ///
    /// # Errors
    /// Too many mails; no factor beside the mailbox, which was the first proof; the store's.
    pub(super) async fn begin_challenge(
        &self,
        context: &Context,
        credentials: &Credentials,
        destination: &Destination,
        begun: Begun,
    ) -> Result<Option<PendingChallenge>, Error> {
        let first = begun.first();
        let usable = self.usable_factors(&credentials.user, first, destination).await?;
        let factors = (first, usable.factors);
        let mut challenge = self.new_challenge(credentials, destination, factors);
        let challenge_id = OpaqueToken::generate(&mut rand::rng());
        let id_mac = challenge_id_mac(&self.master_key, &challenge_id);
        let (code_mac, message) = if challenge.is_sent_a_code() {
            challenge.is_long_code = usable.needs_long_code;
            let code = new_code(challenge.is_long_code);
            let code_mac = code_mac(&self.master_key, &id_mac, code.expose());
            let message = self.login_code(&credentials.user, code, &challenge, context)?;
            (code_mac, Some(message))
        } else {
            // A random digest, which no code matches.
            (rand::random(), None)
        };
        let (settled, code_id) = match begun {
            Begun::ByPassword(settled) => (settled, None),
            Begun::ByCode(code_id) => (Settled::default(), Some(code_id)),
        };
        let new = NewChallenge {
            challenge: challenge.clone(),
            id_mac,
            code_mac,
            actor: context.actor.clone(),
            address: destination.address,
            settled,
            mail: usable.mail,
            code_id,
        };
        // One transaction for the challenge and its message: a code that counts is one that will be sent (outbox).
        if !self.store.challenge_create(new, message).await? {
            self.check_mails(usable.mail).await?;
            return Ok(None);
        }
        if challenge.is_sent_a_code() {
            self.outbox.wake();
        }
        self.pending(challenge_id, &challenge, &credentials.user).await.map(Some)
    }

    /// Whether other logins have used up the mails since they were looked at, which keeps a challenge from beginning.
    ///
    /// # Errors
    /// Too many mails; the store's.
    async fn check_mails(&self, mail: Option<Charge>) -> Result<(), Error> {
        let Some(mail) = mail else { return Ok(()) };
        let now = self.clock.now();
        match self.store.throttle_look(vec![mail]).await?.admission(&[mail], now) {
            Admission::Charged(_) => Ok(()),
            Admission::Refused { until, .. } => Err(Error::Throttled(until.since(now))),
        }
    }

    /// The user's factors that can answer a challenge now. A factor whose limit is spent is left out if others remain:
    /// strangers who use it up do not lock the owner out.
    ///
    /// # Errors
    /// No factor is left; the store's.
    async fn usable_factors(
        &self,
        user: &User,
        first: FirstProof,
        destination: &Destination,
    ) -> Result<Usable, Error> {
        let has = self.store.factors_of(user.id).await?;
        let has_passkeys = has.has_passkeys && self.ceremonies.relying_party.is_some();
        let factors = first.factors(has.totp.is_some(), has.has_recovery_codes, has_passkeys);
        if factors.is_empty() {
            return Err(Error::NoOtherFactor);
        }
        let mut usable = Usable { factors, mail: None, needs_long_code: false };
        let mut used_up = None;
        if usable.factors.contains(&Factor::Totp) && self.is_app_used_up(user, destination).await? {
            used_up = Some((Factor::Totp, Error::CodesUsedUp));
        } else if usable.factors.contains(&Factor::EmailCode) {
            let mails_used_up = self.look_at_mails(user, destination, &mut usable).await?;
            used_up = mails_used_up.map(|error| (Factor::EmailCode, error));
        }
        let Some((factor, error)) = used_up else { return Ok(usable) };
        usable.factors.retain(|offered| *offered != factor);
        if usable.factors.is_empty() { Err(error) } else { Ok(usable) }
    }

    /// Looks at the budgets of mails and of their codes, and notes the charge of a mail and the length of its code. Returns
    /// why there is none.
    async fn look_at_mails(
        &self,
        user: &User,
        destination: &Destination,
        usable: &mut Usable,
    ) -> Result<Option<Error>, Error> {
        let (now, device, address) = (self.clock.now(), destination.device_id, destination.address);
        let mail = self.limits.login_mail_charge(user, device.is_some());
        let codes = self.limits.code_charges(Factor::EmailCode, user.id, device, address);
        let budgets = self.store.throttle_look([&[mail][..], &codes].concat()).await?;
        usable.needs_long_code =
            matches!(budgets.admission(&codes, now), Admission::Refused { .. });
        match budgets.admission(&[mail], now) {
            Admission::Charged(_) => {
                usable.mail = Some(mail);
                Ok(None)
            }
            Admission::Refused { until, .. } => Ok(Some(Error::Throttled(until.since(now)))),
        }
    }

    /// Whether wrong codes of the user's app have used up the year's limit of this device, or of strangers.
    async fn is_app_used_up(&self, user: &User, destination: &Destination) -> Result<bool, Error> {
        let (device, address) = (destination.device_id, destination.address);
        let mut charges = self.limits.code_charges(Factor::Totp, user.id, device, address);
        charges.retain(|charge| charge.rule == ThrottleRule::CodesAYear);
        Ok(!self.store.throttle_admits(charges, self.clock.now()).await?)
    }

    /// Whether six digits would be refused. The code is then long enough against brute force, and its attempts are not
    /// counted: attackers who use up the limits of an account, of a source or of the service do not lock out a user
    /// who reads the mailbox.
    pub(super) async fn needs_long_code(
        &self,
        challenge: &Challenge,
        address: Option<IpAddr>,
    ) -> Result<bool, Error> {
        let charges = self.limits.challenge_charges(Factor::EmailCode, challenge, address);
        Ok(!self.store.throttle_admits(charges, self.clock.now()).await?)
    }

    fn new_challenge(
        &self,
        credentials: &Credentials,
        destination: &Destination,
        (first, factors): (FirstProof, Vec<Factor>),
    ) -> Challenge {
        let (now, rules) = (self.clock.now(), &self.policy.code);
        let expires_at = now.plus(rules.ttl);
        // Without a mailed code there is none to resend. Releases that know no factors look at this time only.
        let is_sent_a_code = factors.contains(&Factor::EmailCode);
        let resend_at = if is_sent_a_code { now.plus(rules.resend_after) } else { expires_at };
        Challenge {
            id: Uuid::now_v7(),
            user_id: credentials.user.id,
            credential_version: credentials.credential_version,
            first,
            factors,
            is_long_code: false,
            attempts: 0,
            session_id: destination.session_id,
            audience: destination.audience.clone(),
            device_name: destination.device_name.clone(),
            device_id: destination.device_id,
            created_at: now,
            resend_at,
            expires_at,
            consumed_at: None,
        }
    }

    /// The sealed message with a challenge's code, for the call `context`; it expires with the challenge.
    pub(super) fn login_code(
        &self,
        user: &User,
        code: OneTimeCode,
        challenge: &Challenge,
        context: &Context,
    ) -> Result<SealedMessage, Error> {
        let expires_at = challenge.expires_at;
        let content = Content::Code { purpose: CodePurpose::Login, code, expires_at };
        let (code_id, user_id) = (challenge.id, user.id);
        let code = SealedCode { code_id, user_id, purpose: CodePurpose::Login };
        let sealed = self.outbox.seal(&Message::new(user, content, context, self.clock.now()))?;
        Ok(SealedMessage { code: Some(code), ..sealed })
    }

    /// A challenge, as its caller sees it.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn pending(
        &self,
        challenge_id: OpaqueToken,
        challenge: &Challenge,
        user: &User,
    ) -> Result<PendingChallenge, Error> {
        let passkey_request_options = if challenge.factors.contains(&Factor::Passkey) {
            let id_mac = challenge_id_mac(&self.master_key, &challenge_id);
            self.ceremonies.ask_for_factor(user.id, &id_mac).await?
        } else {
            None
        };
        Ok(PendingChallenge {
            challenge_id,
            factors: challenge.factors.clone(),
            masked_destination: challenge.is_sent_a_code().then(|| user.masked_email()),
            expires_at: challenge.expires_at,
            resend_at: challenge.is_sent_a_code().then_some(challenge.resend_at),
            attempts_remaining: challenge.attempts_remaining(&self.policy.code),
            passkey_request_options,
        })
    }
}
