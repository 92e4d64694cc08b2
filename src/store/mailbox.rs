//! Codes for mailboxes, and what crosses the store's boundary with them (ADR 16).

use std::net::IpAddr;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Reservation, Result, Revoking, SealedMessage, SpentRecoveryCode};
use crate::domain::{Actor, EventKind, Timestamp};

/// Codes with which people show that they read a mailbox.
#[async_trait]
pub trait MailboxCodes {
    /// Adds a code, and its message if there is one.
    async fn mailbox_code_create(&self, new: NewMailboxCode) -> Result<()>;

    /// Spends one attempt, before anything is compared: what is spent stays spent whatever happens next.
    async fn mailbox_code_reserve(
        &self,
        id_mac: [u8; 32],
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation<MailboxCode>>;

    /// Uses the code up, and its user's address counts as verified from now on. Accounts that claim the same address end, as
    /// [`super::Users::user_delete`] ends one but without a message. Of many callers one succeeds, and none if the user is
    /// disabled or another one has verified the address. Returns whether it did.
    async fn email_verify(&self, proof: MailboxProof) -> Result<bool>;

    /// Uses the code up and ends its user's account, unless the address is verified: as [`super::Users::user_delete`], but
    /// whatever the credentials and without a message. Returns whether it did.
    async fn unverified_user_end(&self, proof: MailboxProof) -> Result<bool>;
}

/// A code with which somebody shows that they read a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxCode {
    /// The row's id; not the secret id that the caller holds.
    pub id: Uuid,
    /// Whose mailbox it is; nobody's where the code is sent to nobody.
    pub user_id: Option<Uuid>,
    /// The user's credential version at that time; 0 where there is no user.
    pub credential_version: i64,
    /// Among whose failed codes those for this one count.
    pub budget: [u8; 32],
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// A code for a mailbox that is to be added.
#[derive(Debug, Clone)]
pub struct NewMailboxCode {
    /// The code.
    pub code: MailboxCode,
    /// The keyed digest of the id that the caller holds.
    pub id_mac: [u8; 32],
    /// The message with the code; a decoy where nobody gets it.
    pub message: SealedMessage,
    /// The audit event for the request; `None` records nothing. It has no user where no account has the address.
    pub recorded_as: Option<EventKind>,
    /// Who asks, for that record.
    pub actor: Actor,
    /// Where the request comes from.
    pub address: Option<IpAddr>,
}

/// A right code: whoever sent it reads the user's mailbox.
#[derive(Debug, Clone, Copy)]
pub struct MailboxProof {
    /// The code.
    pub code_id: Uuid,
    /// Whom it was sent to.
    pub user_id: Uuid,
    /// The request, should it end an account.
    pub at: Revoking,
}

/// Another password for a user who has shown that they read their mailbox.
#[derive(Clone)]
pub struct PasswordReset {
    /// Whose.
    pub user_id: Uuid,
    /// The credentials for which the code was sent.
    pub credential_version: i64,
    /// The code that was right.
    pub code_id: Uuid,
    /// The recovery code beside it, where the user has no second factor but the mailbox.
    pub recovery_code: Option<SpentRecoveryCode>,
    /// The new password's hash, in its stored format.
    pub password_hash: String,
    /// The time of the request.
    pub at: Revoking,
}

impl std::fmt::Debug for PasswordReset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordReset").field("user", &self.user_id).finish_non_exhaustive()
    }
}
