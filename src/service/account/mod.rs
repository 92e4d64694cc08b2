//! The account: registration, profile, changes of password, address and username, export, and deletion.

mod change_email;
mod change_password;
mod change_username;
mod confirm_email_change;
mod delete_me;
mod export_me;
mod get_me;
mod register;
mod register_quietly;
mod reset_password;
mod undo_deletion;
mod undo_email_change;
mod undo_request;

use std::sync::Arc;

use crate::{
    domain::Policy,
    password::Passwords,
    service::{
        Clock, factors::Factors, limits::Limits, mailbox::Mailbox, new_passwords::NewPasswords,
        outbox::Outbox, retries::Retries, sessions::Sessions,
    },
    store::Store,
};

pub use self::{
    change_email::ChangeEmailRequest,
    change_password::ChangePasswordRequest,
    change_username::ChangeUsernameRequest,
    confirm_email_change::ConfirmEmailChangeRequest,
    export_me::PersonalPart,
    register::{RegisterRequest, Registered},
    reset_password::ResetPasswordRequest,
    undo_request::UndoRequest,
};

/// Creates, changes and deletes accounts.
#[derive(Debug)]
pub struct Accounts {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Hashes new passwords.
    pub(crate) passwords: Passwords,
    /// Judges new ones.
    pub(crate) new_passwords: NewPasswords,
    /// Whether addresses are verified.
    pub(crate) policy: Arc<Policy>,
    /// Counts attempts.
    pub(crate) limits: Arc<Limits>,
    /// Revokes sessions when a password changes or an account ends.
    pub(crate) sessions: Arc<Sessions>,
    /// Confirms changes.
    pub(crate) factors: Arc<Factors>,
    /// Verifies addresses.
    pub(crate) mailbox: Arc<Mailbox>,
    /// Messages to users.
    pub(crate) outbox: Outbox,
    /// Knows requests that were carried out.
    pub(crate) retries: Retries,
    /// The clock.
    pub(crate) clock: Clock,
}
