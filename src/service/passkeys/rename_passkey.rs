//! RenamePasskey: what the user calls it. No secret, and nothing that anybody decides by.

use super::PasskeyKeeper;
use crate::{
    domain::{Passkey, name, passkey_id, size},
    service::{
        Error, PasskeyError,
        fields::{Fields, check_sizes},
        sessions::Account,
    },
};

impl PasskeyKeeper {
    /// Renames one of the user's passkeys.
    ///
    /// # Errors
    /// Bad fields; the user has no such passkey; the store's.
    pub async fn rename_passkey(
        &self,
        account: &Account,
        id: &str,
        new_name: &str,
    ) -> Result<Passkey, Error> {
        check_sizes([(size::PASSKEY_ID, id), (size::NAME, new_name)])?;
        let mut fields = Fields::default();
        let id = fields.check(passkey_id(id));
        let new_name = fields.check(name(new_name));
        let (id, new_name) = fields.all(id.zip(new_name))?;
        if !self.store.passkey_rename(id, account.user().id, new_name).await? {
            return Err(PasskeyError::NotFound.into());
        }
        self.own(account, id).await
    }
}
