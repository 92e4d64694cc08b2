//! Logins: a password, and the challenge of the second factor where there is one.

mod challenge;
#[expect(clippy::module_inception, reason = "a use case's file has the name of its RPC")]
mod login;
mod rehash;
mod resend_code;
mod verify_2fa;

use std::sync::Arc;

use crate::{
    domain::Policy,
    password::Passwords,
    service::{Clock, factors::Factors, limits::Limits, outbox::Outbox, sessions::Sessions},
    store::Store,
    token::MasterKey,
};

pub use self::{
    challenge::PendingChallenge,
    login::{LoginOutcome, LoginRequest},
    verify_2fa::Verify2faRequest,
};

/// What logs users in.
#[derive(Debug)]
pub struct Logins {
    /// Where users and challenges are kept.
    pub(crate) store: Arc<dyn Store>,
    /// What replaces outdated hashes.
    pub(crate) passwords: Passwords,
    /// For whom tokens may be, and how long a challenge lasts.
    pub(crate) policy: Arc<Policy>,
    /// What keys the digests.
    pub(crate) master_key: MasterKey,
    /// What counts attempts, and evaluates passwords.
    pub(crate) limits: Arc<Limits>,
    /// What begins.
    pub(crate) sessions: Arc<Sessions>,
    /// What answers a challenge.
    pub(crate) factors: Arc<Factors>,
    /// What is to be sent.
    pub(crate) outbox: Outbox,
    /// What time it is.
    pub(crate) clock: Clock,
}
