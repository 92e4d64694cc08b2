//! Mailbox codes and their records (ADR 16).

use std::net::IpAddr;

use async_trait::async_trait;
use uuid::Uuid;

use super::{CarriedOut, Charge, Reservation, Result, Revoking, SealedMessage, SpentRecoveryCode};
use crate::domain::{Actor, EventKind, Timestamp};

/// Codes that prove access to a mailbox.
#[async_trait]
pub trait MailboxCodes {
    /// Adds a code, and its message if there is one.
    async fn mailbox_code_create(&self, new: NewMailboxCode) -> Result<()>;

    /// Reserves an attempt before any comparison (brute force): it stays spent whatever happens next.
    async fn mailbox_code_reserve(
        &self,
        id_mac: [u8; 32],
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation<MailboxCode>>;

    /// Consumes the code and marks its user's address as verified. Accounts that claim the same address are deleted, as by
    /// [`super::Users::user_delete`] but without a message. Of concurrent callers one succeeds, and none if the user is
    /// disabled or another one has verified the address. Returns whether it did.
    async fn email_verify(&self, proof: MailboxProof) -> Result<bool>;

    /// Consumes the code and deletes its user's account, unless the address is verified: as [`super::Users::user_delete`],
    /// but with any credentials and without a message. Returns whether it did.
    async fn unverified_user_end(&self, proof: MailboxProof) -> Result<bool>;
}

/// A code that proves access to a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxCode {
    /// The row's id; not the secret id that the caller holds.
    pub id: Uuid,
    /// The mailbox's owner; `None` where the code is a decoy.
    pub user_id: Option<Uuid>,
    /// Whether they are a pending user.
    pub is_pending: bool,
    /// The user's credential version at that time; 0 where there is no user.
    pub credential_version: i64,
    /// The budget of failed codes that it counts in.
    pub budget: [u8; 32],
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
    /// The time of the request.
    pub created_at: Timestamp,
    /// Expiry.
    pub expires_at: Timestamp,
    /// The address that it was sent to, where that is to become the user's.
    pub new_email: Option<String>,
    /// Where a login by it leads to, if it is for one.
    pub login: Option<Box<CodeDestination>>,
}

/// Where a login by a mailed code leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeDestination {
    /// The audience of the tokens to come.
    pub audience: String,
    /// The user's name for the device; may be empty.
    pub device_name: String,
    /// The known device that the login came from, if it did.
    pub device_id: Option<Uuid>,
}

/// A new mailbox code.
#[derive(Debug, Clone)]
pub struct NewMailboxCode {
    /// The code.
    pub code: MailboxCode,
    /// The keyed digest of the id that the caller holds.
    pub id_mac: [u8; 32],
    /// The message with the code; a decoy where there is no recipient.
    pub message: SealedMessage,
    /// What takes its place, once a day.
    pub daily: Option<Box<DailyNotice>>,
    /// The audit event for the request; `None` records nothing. It has no user where no account has the address.
    pub recorded_as: Option<EventKind>,
    /// The actor, for that event.
    pub actor: Actor,
    /// The client address.
    pub address: Option<IpAddr>,
    /// What is noted of the request, if its caller may send it again.
    pub carried_out: Option<CarriedOut>,
}

/// A notice that is sent in the place of a code, if its budget has room. The budget is charged also where there is nobody to tell, so that
/// the same is written.
#[derive(Debug, Clone)]
pub struct DailyNotice {
    /// The budget.
    pub charge: Charge,
    /// The notice; `None` where there is nobody to tell.
    pub message: Option<SealedMessage>,
}

/// A right code: its sender has access to the user's mailbox.
#[derive(Debug, Clone)]
pub struct MailboxProof {
    /// The code.
    pub code_id: Uuid,
    /// The recipient.
    pub user_id: Uuid,
    /// The request, should it delete an account.
    pub at: Revoking,
}

/// A password reset for a user who has proved access to their mailbox.
#[derive(Clone)]
pub struct PasswordReset {
    /// The user.
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
