//! Changes of addresses by their users, and of usernames (ADR 51).

use async_trait::async_trait;
use uuid::Uuid;

use super::{FactorChange, NewAddress, Result, Revoking, SealedMessage};
use crate::domain::Timestamp;

/// Other addresses and usernames of users, by themselves.
#[async_trait]
pub trait EmailChanges {
    /// Gives a user the address that a right code was sent to, if the credential version is the code's and the calling session may
    /// still ask ([`FactorChange`]): consumes the code, marks the address as verified, as by [`super::MailboxCodes::email_verify`], voids
    /// the user's other codes and challenges, and adds the messages. Sessions go on. Of concurrent callers one succeeds; none if
    /// another user has the address, or there are [`MOST_UNDOABLE`] changes that can be undone. Returns whether it did.
    async fn email_change(&self, change: EmailChange, messages: Vec<SealedMessage>)
    -> Result<bool>;

    /// When each of a user's changes can no longer be undone, of those that can be, the first one first.
    async fn email_changes_undoable(&self, user_id: Uuid, now: Timestamp)
    -> Result<Vec<Timestamp>>;

    /// Finds a change that can be undone, by the digest of its code, unless its user is disabled. One that is to be deleted later is found.
    async fn email_change_find(
        &self,
        code_mac: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<UndoableChange>>;

    /// Undoes a change, and all later ones of that user: gives them the former address again, verified as it was, revokes all
    /// sessions, ends all that was begun with the credentials, deletes the passkeys, distrusts the password, appends the
    /// revocation, and adds the messages. A deletion that is pending is called off. Earlier changes can still be undone. Of concurrent callers one succeeds.
    async fn email_change_undo(
        &self,
        undoing: EmailUndoing,
        messages: Vec<SealedMessage>,
    ) -> Result<EmailUndone>;

    /// Gives a user another username, if the credential version and the calling session still allow it ([`FactorChange`]), and adds
    /// the notice to the user.
    async fn username_change(
        &self,
        change: FactorChange,
        name: NewUsername,
        message: SealedMessage,
    ) -> Result<UsernameChanged>;
}

/// The most changes of one user that can be undone at a time: so many rows an account has at the most.
pub const MOST_UNDOABLE: usize = 10;

/// A change of the address by its user.
#[derive(Debug, Clone)]
pub struct EmailChange {
    /// The user, the credentials that the code was sent for, and the session that asks.
    pub change: FactorChange,
    /// The code that was right.
    pub code_id: Uuid,
    /// The address that it was sent to.
    pub email: NewAddress,
    /// What undoes the change, if anything does.
    pub undo: Option<NewUndo>,
    /// The expiry of the last token of accounts that lose their claim to the address.
    pub tokens_expire_at: Timestamp,
}

/// What undoes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUndo {
    /// The row's id.
    pub id: Uuid,
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
    /// Until when it does.
    pub expires_at: Timestamp,
}

/// A change that can be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoableChange {
    /// The user.
    pub user_id: Uuid,
    /// Its place among the changes of that user.
    pub number: i64,
    /// The address before it, as it was typed.
    pub former_email: String,
    /// The canonical key of that.
    pub former_email_key: String,
    /// Whether it was verified.
    pub was_verified: bool,
}

/// A change that is to be undone.
#[derive(Debug, Clone)]
pub struct EmailUndoing {
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
    /// The change that it is for.
    pub change: UndoableChange,
    /// The user's credentials, as they were when the messages were written.
    pub credential_version: i64,
    /// The key to use where another account has the former address unverified (a claim); `None` where that counts as taken.
    pub claim_key: Option<String>,
    /// The request.
    pub at: Revoking,
}

/// The result of undoing a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailUndone {
    /// The former address is the user's again.
    Done,
    /// Another user has it now.
    Taken,
    /// The user's credentials have changed meanwhile, or the change was undone: look again.
    Changed,
}

/// Another username.
#[derive(Debug, Clone)]
pub struct NewUsername {
    /// The name as it was typed.
    pub text: String,
    /// Its canonical key.
    pub key: String,
}

/// The result of a change of the username.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsernameChanged {
    /// It was changed.
    Done,
    /// The credentials were changed, or the session may not ask.
    Unauthorised,
    /// Another user has the name.
    Taken,
}
