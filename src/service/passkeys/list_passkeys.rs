//! ListPasskeys.

use uuid::Uuid;

use super::PasskeyKeeper;
use crate::{
    domain::Passkey,
    service::{Error, PasskeyError, sessions::Account},
};

impl PasskeyKeeper {
    /// The user's passkeys, the one that was added last first.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_passkeys(&self, account: &Account) -> Result<Vec<Passkey>, Error> {
        Ok(self.store.passkeys_of(account.user().id).await?)
    }

    /// The user's passkey of that id.
    pub(super) async fn own(&self, account: &Account, id: Uuid) -> Result<Passkey, Error> {
        let passkeys = self.store.passkeys_of(account.user().id).await?;
        passkeys.into_iter().find(|passkey| passkey.id == id).ok_or(PasskeyError::NotFound.into())
    }
}
