//! Hashes of other systems, and of cheaper days, are replaced when their password is there: at a login.

use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::{Error, UseCases};
use crate::{
    domain::{Context, Password},
    store::Credentials,
};

/// How long the new hash may wait for its turn. Nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

impl UseCases {
    /// Replaces a hash that is not as new ones are by one that is. `password` has just been found right.
    ///
    /// In a task of its own: the login does not wait for it and does not fail with it. What does not happen this time, for
    /// lack of a free lane, happens at the next login.
    pub(super) fn rehash(&self, context: &Context, credentials: &Credentials, password: &Password) {
        if !self.passwords.is_replaced_by(password, &credentials.password_hash) {
            return;
        }
        let (this, credentials, password) = (self.clone(), credentials.clone(), password.clone());
        let context = Context { deadline: Instant::now() + PATIENCE, ..context.clone() };
        let replacing = async move {
            if let Err(error) = this.replace_hash(&context, credentials, &password).await {
                tracing::warn!(%error, "cannot replace an outdated password hash: the next login tries again");
            }
        };
        tokio::spawn(replacing.in_current_span());
    }

    async fn replace_hash(
        &self,
        context: &Context,
        credentials: Credentials,
        password: &Password,
    ) -> Result<(), Error> {
        let hash = self.passwords.rehash(password, &credentials.password_hash, context).await?;
        // Only in place of the hash that was checked: if the password has changed since, the new one stands.
        self.store.password_rehash(credentials, hash).await?;
        Ok(())
    }
}
