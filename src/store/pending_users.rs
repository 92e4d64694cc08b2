//! Pending users: registrations that wait for a proof of their address (ADR 56).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Credentials, NewUser, Result, Revoking};
use crate::domain::Timestamp;

/// Registrations that are no users yet. They hold neither a name nor an address, so that nothing can be learnt from them.
#[async_trait]
pub trait PendingUsers {
    /// Adds a pending user until `verify_by`, and the code with its message, whoever has the name or the address; unless another one has
    /// the request id. Returns whether it did.
    async fn pending_user_create(&self, new: NewUser) -> Result<bool>;

    /// Finds a pending user that has not expired.
    async fn pending_user_by_id(&self, id: Uuid, now: Timestamp) -> Result<Option<Credentials>>;

    /// Finds the pending user whom that request has added, if they have not expired.
    async fn pending_user_by_request(
        &self,
        request_id: Uuid,
        now: Timestamp,
    ) -> Result<Option<Credentials>>;

    /// Consumes the code, and makes a user of the pending one, with that name and a verified address. Accounts that claim the
    /// address end, as by [`super::MailboxCodes::email_verify`]. All or nothing: of concurrent callers one succeeds. `new` has no
    /// request id and no code.
    async fn pending_user_complete(
        &self,
        code_id: Uuid,
        new: NewUser,
        at: Revoking,
    ) -> Result<Completed>;
}

/// What came of a pending user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// They are a user.
    Done,
    /// Another user has the name. The code is still good.
    UsernameTaken,
    /// The code was used, the registration has expired, or another user has verified the address.
    Invalid,
}
