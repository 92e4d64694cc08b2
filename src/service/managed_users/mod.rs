//! Users as administrators see and change them: one use case each, for AdminService and for the command line.

mod change;
mod create_user;
mod credential;
mod end_user;
mod get_user;
mod list_users;
mod update_user;
mod user_sessions;

use std::{sync::Arc, time::Duration};

use crate::{
    domain::Policy,
    password::Passwords,
    service::{
        Clock, limits::Limits, mailbox::Mailbox, new_passwords::NewPasswords, outbox::Outbox,
    },
    store::Store,
    token::MasterKey,
};

pub use self::{
    change::Conditions,
    create_user::{CreateUserRequest, CreatedUser},
    credential::NewCredential,
    end_user::SetPasswordRequest,
    get_user::UserName,
    list_users::{ListUsersRequest, UserPage},
    update_user::UpdateUserRequest,
};

/// Finds and changes the users of others. It never checks who asks: the gate does, or the machine's own rights.
#[derive(Debug)]
pub struct UserManager {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Encrypts page tokens.
    pub(crate) master_key: MasterKey,
    /// Hashes new passwords.
    pub(crate) passwords: Passwords,
    /// Judges new ones.
    pub(crate) new_passwords: NewPasswords,
    /// Whether addresses are verified.
    pub(crate) policy: Arc<Policy>,
    /// Counts calls and mails, and forgets failures.
    pub(crate) limits: Arc<Limits>,
    /// Codes for users without a password.
    pub(crate) mailbox: Arc<Mailbox>,
    /// Messages to users.
    pub(crate) outbox: Outbox,
    /// The longest life of an access token: as long a revocation matters.
    pub(crate) token_ttl: Duration,
    /// The clock.
    pub(crate) clock: Clock,
}
