//! Hashes of other systems, and of cheaper days, are replaced when their password is there: at a login.

use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::{Error, UseCases};
use crate::{
    domain::{Caller, Password},
    store::Credentials,
};

/// How long the new hash may wait for its turn. Nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

impl UseCases {
    /// Replaces a hash that is not as new ones are by one that is. `password` has just been found right.
    ///
    /// In a task of its own: the login does not wait for it and does not fail with it. What does not happen this time, for
    /// lack of a free lane, happens at the next login.
    pub(super) fn rehash(&self, credentials: &Credentials, password: &Password, caller: Caller) {
        if !self.passwords.is_replaced_by(password, &credentials.password_hash) {
            return;
        }
        let (this, credentials, password) = (self.clone(), credentials.clone(), password.clone());
        let replacing = async move {
            let caller = Caller { deadline: Instant::now() + PATIENCE, ..caller };
            if let Err(error) = this.replace_hash(credentials, &password, caller).await {
                tracing::warn!(%error, "an outdated password hash stays for now");
            }
        };
        tokio::spawn(replacing.in_current_span());
    }

    async fn replace_hash(
        &self,
        credentials: Credentials,
        password: &Password,
        caller: Caller,
    ) -> Result<(), Error> {
        let hash = self.passwords.rehash(password, &credentials.password_hash, caller).await?;
        // Only in place of the hash that was checked: if the password has changed since, the new one stands.
        self.store.password_rehash(credentials, hash).await?;
        Ok(())
    }
}
