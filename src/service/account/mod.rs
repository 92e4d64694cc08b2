//! The account: made, shown, given another password, and deleted.

mod change_password;
mod delete_me;
mod get_me;
mod register;
mod reset_password;

use std::sync::Arc;

use crate::{
    domain::Policy,
    password::Passwords,
    service::{
        Clock, factors::Factors, limits::Limits, mailbox::Mailbox, outbox::Outbox,
        sessions::Sessions,
    },
    store::Store,
};

pub use self::{
    change_password::ChangePasswordRequest,
    register::{RegisterRequest, Registered},
    reset_password::ResetPasswordRequest,
};

/// What makes, changes and deletes accounts.
#[derive(Debug)]
pub struct Accounts {
    /// Where they are kept.
    pub(crate) store: Arc<dyn Store>,
    /// What hashes new passwords.
    pub(crate) passwords: Passwords,
    /// What a password must be like, and whether addresses are verified.
    pub(crate) policy: Arc<Policy>,
    /// What counts attempts.
    pub(crate) limits: Arc<Limits>,
    /// What ends with a password, or an account.
    pub(crate) sessions: Arc<Sessions>,
    /// What confirms a change.
    pub(crate) factors: Arc<Factors>,
    /// What shows whose an address is.
    pub(crate) mailbox: Arc<Mailbox>,
    /// What is to be sent.
    pub(crate) outbox: Outbox,
    /// What time it is.
    pub(crate) clock: Clock,
}
