//! The use cases, one file each, named after their RPC. Each reads like the security argument it makes.
//!
//! No transport, no SQL: what a caller sent comes in as plain fields, and what it gets goes out as domain values or as
//! an [`Error`].

mod challenge;
mod change_password;
mod clock;
mod codes;
mod delete_me;
mod disable_two_factor;
mod disable_user;
mod enable_user;
mod error;
mod factors;
mod fields;
mod get_me;
mod keys;
mod known;
mod limits;
mod login;
mod mailbox;
mod outbox;
mod register;
mod rehash;
mod resend_code;
mod reset_password;
mod restored;
mod revocations;
mod sessions;
mod upkeep;
mod verify_2fa;

use std::sync::Arc;

use crate::{domain::Policy, password::Passwords, store::Store, token::MasterKey};

pub use self::{
    challenge::PendingChallenge,
    change_password::ChangePasswordRequest,
    clock::Clock,
    disable_two_factor::{DisableTwoFactorError, Disabled, Operator},
    disable_user::{SwitchUserError, Switched},
    error::Error,
    factors::{Confirmation, Factors, Proof, TotpEnrollment},
    keys::{
        DigestKeyError, Jwks, KEYS_RELOAD_EVERY, KeyKeeper, Keys, ListedKey, ReencryptError,
        Reencrypted, Reencryption, SigningKeyError, with_digest_key,
    },
    limits::Limits,
    login::{LoginOutcome, LoginRequest},
    mailbox::{Mailbox, PendingMailboxCode, RequestPasswordResetRequest, VerifyEmailRequest},
    outbox::{DeliveryPace, DeliveryWorker, Outbox},
    register::{RegisterRequest, Registered},
    reset_password::ResetPasswordRequest,
    restored::end_what_was_revived,
    revocations::{
        RevocationPace, RevocationStream, RevocationUpdate, Revocations, longest_stream,
    },
    sessions::{Account, RefreshTokenRequest, Sessions, Tokens},
    upkeep::{Janitor, NotReady, Readiness},
    verify_2fa::Verify2faRequest,
};

/// Everything the use cases stand on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UseCases {
    /// What is kept.
    pub(crate) store: Arc<dyn Store>,
    /// How passwords are hashed.
    pub(crate) passwords: Passwords,
    /// What evaluates second factors.
    pub(crate) factors: Arc<Factors>,
    /// What sends codes to mailboxes.
    pub(crate) mailbox: Arc<Mailbox>,
    /// What begins, shows and ends sessions.
    pub(crate) sessions: Arc<Sessions>,
    /// What keys the digests.
    pub(crate) master_key: MasterKey,
    /// What is to be sent, and who is told of it.
    pub(crate) outbox: Outbox,
    /// The rules.
    pub(crate) policy: Arc<Policy>,
    /// What counts attempts and calls.
    pub(crate) limits: Arc<Limits>,
    /// What time it is.
    pub(crate) clock: Clock,
}
