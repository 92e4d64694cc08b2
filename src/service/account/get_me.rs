//! GetMe: the caller's user.

use super::Accounts;
use crate::{domain::User, service::sessions::Account};

impl Accounts {
    /// The user as they were when the call was authenticated: a moment ago.
    pub fn get_me(&self, account: &Account) -> User {
        account.user().clone()
    }
}
