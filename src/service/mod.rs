//! The use cases, one file each, named after their RPC. Each reads like the security argument it makes.
//!
//! No transport, no SQL: what a caller sent comes in as plain fields, and what it gets goes out as domain values or as
//! an [`Error`].

mod bearer;
mod clock;
mod error;
mod fields;
mod jwks;
mod login;
mod outbox;
mod readiness;
mod register;
mod resend_code;
mod second_factor;
mod session;
mod signing_key;
mod verify_2fa;

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{CodePolicy, PasswordPolicy},
    password::Passwords,
    store::Store,
    token::{AccessTokens, MasterKey},
};

pub use self::{
    clock::Clock,
    error::Error,
    jwks::Jwks,
    login::{LoginOutcome, LoginRequest},
    outbox::Outbox,
    readiness::NotReady,
    register::RegisterRequest,
    second_factor::PendingChallenge,
    session::Tokens,
    signing_key::{SigningKeyError, load_signing_key},
    verify_2fa::Verify2faRequest,
};

/// The rules that the configuration sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// For new passwords.
    pub password: PasswordPolicy,
    /// For one-time codes.
    pub code: CodePolicy,
    /// How long a session lives at the most.
    pub session_ttl: Duration,
    /// How long a session lives that is not used.
    pub session_idle_ttl: Duration,
    /// Whom tokens may be for; the first is meant where a caller names none.
    pub audiences: Vec<String>,
}

/// Everything the use cases stand on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UseCases {
    /// What is kept.
    pub(crate) store: Arc<dyn Store>,
    /// How passwords are hashed.
    pub(crate) passwords: Passwords,
    /// How access tokens are issued.
    pub(crate) tokens: AccessTokens,
    /// What keys the digests.
    pub(crate) master_key: MasterKey,
    /// What is to be sent, and who is told of it.
    pub(crate) outbox: Outbox,
    /// The rules.
    pub(crate) policy: Arc<Policy>,
    /// What time it is.
    pub(crate) clock: Clock,
}
