//! GetMe: who the caller is.

use super::{Account, UseCases};
use crate::domain::User;

impl UseCases {
    /// The user as they were when the call was authenticated: a moment ago.
    pub fn get_me(&self, account: &Account) -> User {
        account.user().clone()
    }
}
