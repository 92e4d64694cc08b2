//! Logins, and proofs of a login once more: a password or a mailed code, and the challenge of the second factor.

mod begin_email_login;
mod challenge;
mod finish_email_login;
#[expect(clippy::module_inception, reason = "a use case's file has the name of its RPC")]
mod login;
mod passkey_login;
mod passkey_refusal;
mod reauthenticate;
mod rehash;
mod resend_code;
mod verify_2fa;

use std::sync::Arc;

use crate::{
    domain::Policy,
    password::Passwords,
    service::{
        Clock, ceremonies::Ceremonies, factors::Factors, limits::Limits, mailbox::Mailbox,
        outbox::Outbox, retries::Retries, sessions::Sessions,
    },
    store::Store,
    token::MasterKey,
};

pub use self::{
    begin_email_login::BeginEmailLoginRequest,
    challenge::PendingChallenge,
    finish_email_login::FinishEmailLoginRequest,
    login::{LoginOutcome, LoginRequest},
    passkey_login::FinishPasskeyLoginRequest,
    reauthenticate::ReauthenticateRequest,
    verify_2fa::{Verified, Verify2faRequest},
};

/// Logs users in.
#[derive(Debug)]
pub struct Logins {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Replaces outdated hashes.
    pub(crate) passwords: Passwords,
    /// Audiences of tokens, and the lifetime of a challenge.
    pub(crate) policy: Arc<Policy>,
    /// Keys the digests.
    pub(crate) master_key: MasterKey,
    /// Counts attempts, and checks passwords.
    pub(crate) limits: Arc<Limits>,
    /// Creates sessions.
    pub(crate) sessions: Arc<Sessions>,
    /// Asks for passkeys.
    pub(crate) ceremonies: Arc<Ceremonies>,
    /// Checks the answers to challenges.
    pub(crate) factors: Arc<Factors>,
    /// Codes in the place of a password.
    pub(crate) mailbox: Arc<Mailbox>,
    /// Messages to users.
    pub(crate) outbox: Outbox,
    /// Knows requests that were carried out.
    pub(crate) retries: Retries,
    /// The clock.
    pub(crate) clock: Clock,
}
