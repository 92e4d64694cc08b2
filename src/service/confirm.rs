//! The password again, of a user who is already known by their token: whoever has stolen one must not get the account.

use super::{Account, Error, UseCases};
use crate::domain::{Caller, Password};

impl UseCases {
    /// Checks the user's password.
    ///
    /// # Errors
    /// It is not right; the hasher's.
    pub(super) async fn confirm(
        &self,
        account: &Account,
        password: &Password,
        caller: Caller,
    ) -> Result<(), Error> {
        let stored = account.credentials().password_hash.as_str();
        let right = self.passwords.verify(password, Some(stored), caller).await?;
        if right { Ok(()) } else { Err(Error::InvalidCredentials) }
    }
}
