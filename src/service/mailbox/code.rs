//! One-time codes that prove control of a mailbox: sending one, and answering one (ADR 16).
//!
//! No user enumeration: callers do not learn whether an account has the address. Limits go by the address as it was
//! typed, and without a recipient the same rows are written: the code's row has attempts and expires, but no
//! user, so that no code grants anything; the message's row is a decoy.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Mailbox;
use crate::{
    delivery::{Cause, Content, Message},
    domain::{
        CodePurpose, Context, Email, EventKind, LoginName, OneTimeCode, Timestamp, User, size,
    },
    service::{
        Error,
        codes::{code_mac, is_code, new_code},
        error::reserved,
        fields::check_sizes,
    },
    store::{Credentials, MailboxCode, NewMailboxCode, SealedCode, SealedMessage},
    token::{OpaqueToken, Purpose},
};

/// The minimum response time of a request for a code, against user enumeration by timing: it takes a little longer to
/// find a user, and to write a message to them, than to find none.
pub(in crate::service) const ANSWERED_AFTER: Duration = Duration::from_millis(20);

/// The purpose of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) enum MailboxPurpose {
    EmailVerification,
    PasswordReset,
    EmailChange,
    EmailLogin,
}

/// A code that was sent, or seems to have been.
#[derive(Debug)]
pub struct PendingMailboxCode {
    /// The secret id.
    pub token: OpaqueToken,
    /// When the code expires.
    pub expires_at: Timestamp,
}

impl PendingMailboxCode {
    /// As bytes, for a retry.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let expires_at = self.expires_at.unix_micros().to_be_bytes();
        Zeroizing::new([&expires_at, self.token.expose().as_bytes()].concat())
    }

    /// What [`PendingMailboxCode::to_bytes`] has written; `None` for other bytes.
    pub(in crate::service) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (expires_at, token) = bytes.split_first_chunk()?;
        let token = OpaqueToken::from_text(std::str::from_utf8(token).ok()?.to_owned());
        let expires_at = Timestamp::from_unix_micros(i64::from_be_bytes(*expires_at));
        Some(Self { token, expires_at })
    }
}

/// The recipient of a code.
#[derive(Debug, Clone, Copy)]
pub(super) enum Recipient<'a> {
    /// A user, and the version of their credentials.
    User(&'a User, i64),
    /// A pending user.
    Pending(&'a User),
    /// No user has this address, or none that may get a code.
    Nobody(&'a Email),
}

impl<'a> From<&'a Credentials> for Recipient<'a> {
    fn from(found: &'a Credentials) -> Self {
        Self::User(&found.user, found.credential_version)
    }
}

impl MailboxPurpose {
    /// Separates the ids of the purposes: under another purpose an id is unknown, and so is its code.
    fn id_purpose(self) -> Purpose {
        match self {
            Self::EmailVerification => Purpose::VerificationId,
            Self::PasswordReset => Purpose::ResetId,
            Self::EmailChange => Purpose::EmailChangeId,
            Self::EmailLogin => Purpose::EmailLoginId,
        }
    }

    fn code_purpose(self) -> CodePurpose {
        match self {
            Self::EmailVerification => CodePurpose::VerifyEmail,
            Self::PasswordReset => CodePurpose::ResetPassword,
            Self::EmailChange => CodePurpose::ChangeEmail,
            Self::EmailLogin => CodePurpose::EmailLogin,
        }
    }

    /// The label of the purpose's budgets.
    pub(super) fn label(self) -> &'static [u8] {
        match self {
            Self::EmailVerification => b"verification",
            Self::PasswordReset => b"reset",
            Self::EmailChange => b"change",
            Self::EmailLogin => b"login",
        }
    }

    /// Whether the user may get such a code.
    pub(in crate::service) fn is_for(self, user: &User) -> bool {
        user.disabled_at.is_none()
            && match self {
                Self::EmailVerification => !user.email_verified,
                Self::PasswordReset | Self::EmailChange => true,
                // Against pre-hijacking: an account that somebody else has registered with this address has their password.
                Self::EmailLogin => user.email_verified,
            }
    }

    /// The audit event of the request, if it is recorded.
    fn event_kind(self) -> Option<EventKind> {
        match self {
            // Nothing changes by it; a wrong password or code is recorded.
            Self::EmailVerification | Self::EmailChange => None,
            Self::PasswordReset => Some(EventKind::ResetRequested),
            Self::EmailLogin => Some(EventKind::EmailLoginRequested),
        }
    }
}

impl Mailbox {
    /// Sends a code for a reset to an address, if an account has it.
    ///
    /// # Errors
    /// A bad field; the cool-down; too many calls or mails; the store's.
    pub(super) async fn begin_reset(
        &self,
        context: &Context,
        email: &str,
        device_token: &OpaqueToken,
    ) -> Result<PendingMailboxCode, Error> {
        let begun = Instant::now();
        check_sizes([(size::EMAIL, email)])?;
        self.limits.admit(context)?;
        let email = Email::parse(email.trim())?;
        let pending = self.send_reset_code(context, &email, device_token).await;
        sleep_until(begun + ANSWERED_AFTER).await;
        pending
    }

    async fn send_reset_code(
        &self,
        context: &Context,
        email: &Email,
        device_token: &OpaqueToken,
    ) -> Result<PendingMailboxCode, Error> {
        let purpose = MailboxPurpose::PasswordReset;
        let (token, new, _device_id) =
            self.code_for_address(context, purpose, email, device_token).await?;
        let expires_at = new.code.expires_at;
        self.store.mailbox_code_create(new).await?;
        self.outbox.wake();
        Ok(PendingMailboxCode { token, expires_at })
    }

    /// A code for whoever has the address, which anybody may have typed: charged as that, and a decoy where no account may get one. Also
    /// the id that its caller holds, and the device, if it is known.
    pub(super) async fn code_for_address(
        &self,
        context: &Context,
        purpose: MailboxPurpose,
        email: &Email,
        device_token: &OpaqueToken,
    ) -> Result<(OpaqueToken, NewMailboxCode, Option<Uuid>), Error> {
        let name = LoginName::Email(email.key().to_owned());
        let found = self.store.user_by_login(&name).await?;
        // On a known device the owner gets a code even if strangers have used up the limits of the address.
        let device_id =
            found.as_ref().and_then(|found| self.sessions.known_device(found, device_token));
        let budget = self.limits.mailbox_budget(purpose.label(), email, device_id);
        let is_known = device_id.is_some();
        let mails =
            self.limits.asked_mail_charges(purpose.label(), email, is_known, context.address);
        self.limits.charge(mails).await?;
        let found = found.filter(|found| purpose.is_for(&found.user));
        let recipient = found.as_ref().map_or(Recipient::Nobody(email), Recipient::from);
        let token = OpaqueToken::generate(&mut rand::rng());
        let new = self.new_mailbox_code(context, purpose, &token, recipient, budget)?;
        Ok((token, new, device_id))
    }

    /// A new code for `id`.
    pub(super) fn new_mailbox_code(
        &self,
        context: &Context,
        purpose: MailboxPurpose,
        id: &OpaqueToken,
        recipient: Recipient<'_>,
        budget: [u8; 32],
    ) -> Result<NewMailboxCode, Error> {
        let (now, digits) = (self.clock.now(), new_code(true));
        let expires_at = now.plus(self.policy.code.ttl);
        let id_mac = self.mailbox_id_mac(purpose, id);
        let (user_id, credential_version) = match recipient {
            Recipient::User(user, version) => (Some(user.id), version),
            Recipient::Pending(user) => (Some(user.id), Credentials::FIRST_VERSION),
            Recipient::Nobody(_) => (None, 0),
        };
        let code = MailboxCode {
            id: Uuid::now_v7(),
            user_id,
            is_pending: matches!(recipient, Recipient::Pending(_)),
            credential_version,
            budget,
            code_mac: code_mac(&self.master_key, &id_mac, digits.expose()),
            created_at: now,
            expires_at,
            new_email: None,
            login: None,
        };
        let (recorded_as, purpose) = (purpose.event_kind(), purpose.code_purpose());
        let content = Content::Code { purpose, code: digits, expires_at };
        let message = self.mailbox_message(context, recipient, content, now)?;
        // A decoy's user id is derived from its mailbox: a newer decoy replaces the older one, as with messages.
        let user_id = user_id.unwrap_or_else(|| made_up(&message.account));
        let of_code = SealedCode { code_id: code.id, user_id, purpose };
        let message = SealedMessage { code: Some(of_code), ..message };
        let (actor, address) = (context.actor.clone(), context.address);
        let (carried_out, daily) = (None, None);
        Ok(NewMailboxCode {
            code,
            id_mac,
            message,
            daily,
            recorded_as,
            actor,
            address,
            carried_out,
        })
    }

    /// The message to the recipient; without one, a decoy of the same size.
    fn mailbox_message(
        &self,
        context: &Context,
        recipient: Recipient<'_>,
        content: Content,
        now: Timestamp,
    ) -> Result<SealedMessage, Error> {
        match recipient {
            Recipient::User(user, _) | Recipient::Pending(user) => {
                self.outbox.seal(&Message::new(user, content, context, now))
            }
            Recipient::Nobody(email) => {
                let text = email.as_str().to_owned();
                let (username, destination) = (text.clone(), text);
                let address = context.address;
                self.outbox.seal_decoy(&Message {
                    username,
                    destination,
                    address,
                    content,
                    created_at: now,
                    cause: Cause::of(context),
                })
            }
        }
    }

    /// Spends an attempt and compares. Returns the code's row and its user if the code is right. The caller's address
    /// was counted before.
    ///
    /// # Errors
    /// An id or a code that is not valid; no attempts left; too many failed codes; the store's.
    pub(in crate::service) async fn answer_mailbox_code(
        &self,
        context: &Context,
        purpose: MailboxPurpose,
        id: &OpaqueToken,
        code: &OneTimeCode,
    ) -> Result<(MailboxCode, Uuid), Error> {
        let id_mac = self.mailbox_id_mac(purpose, id);
        let (max_attempts, now) = (self.policy.code.max_attempts, self.clock.now());
        // The attempt is spent and committed before anything is compared: concurrent callers can't share one (race),
        // and no later failure refunds it.
        let sent = reserved(self.store.mailbox_code_reserve(id_mac, max_attempts, now).await?)?;
        // Against brute force over many codes: the limit of the address; it too is spent before anything is compared.
        let attempt = self
            .limits
            .charge(self.limits.mailbox_code_charges(sent.budget, context.address))
            .await?;
        if !is_code(&self.master_key, &id_mac, code, &sent.code_mac) {
            let kind = EventKind::CodeFailed;
            // A pending user is none, and no event tells them from nobody.
            let user_id = sent.user_id.filter(|_| !sent.is_pending);
            self.limits.record_failure(context, kind, user_id, None).await?;
            return Err(Error::ChallengeInvalid);
        }
        self.limits.take_back(&attempt).await?;
        // The code was sent to no one: it was guessed, and grants nothing.
        let user_id = sent.user_id.ok_or(Error::ChallengeInvalid)?;
        Ok((sent, user_id))
    }

    /// Only the digest of an id is stored: a reader of the database can't answer for a user.
    fn mailbox_id_mac(&self, purpose: MailboxPurpose, id: &OpaqueToken) -> [u8; 32] {
        self.master_key.digest(purpose.id_purpose(), &[id.expose().as_bytes()])
    }
}

/// A made-up id, stable for a mailbox. It is some user's with a probability of 1 in 2^128.
fn made_up(account: &[u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&account[..16]);
    Uuid::from_bytes(bytes)
}
