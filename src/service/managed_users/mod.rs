//! Users as administrators see and change them: one use case each, for AdminService and for the command line.

mod get_user;
mod list_users;

use std::sync::Arc;

use crate::{store::Store, token::MasterKey};

pub use self::{
    get_user::UserName,
    list_users::{ListUsersRequest, UserPage},
};

/// Finds and changes the users of others.
#[derive(Debug)]
pub struct UserManager {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Encrypts page tokens.
    pub(crate) master_key: MasterKey,
}
