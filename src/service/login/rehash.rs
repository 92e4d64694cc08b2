//! Upgrades hashes of other systems and of lower costs, at a login, when the password is there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::Instrument as _;

use super::Logins;
use crate::{
    domain::{Context, Password},
    password::Passwords,
    service::Error,
    store::{Credentials, Store},
};

/// How long the new hash may queue. No caller waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

impl Logins {
    /// Replaces an outdated hash. `password` has just been found right.
    ///
    /// In a background task: the login neither waits for it nor fails with it. An upgrade that is skipped, for lack of
    /// a free lane, is tried at the next login.
    pub(super) fn rehash(&self, context: &Context, credentials: &Credentials, password: &Password) {
        if !self.passwords.is_replaced_by(password, &credentials.password_hash) {
            return;
        }
        let (store, passwords) = (Arc::clone(&self.store), self.passwords.clone());
        let (credentials, password) = (credentials.clone(), password.clone());
        let context = Context { deadline: Instant::now() + PATIENCE, ..context.clone() };
        let replacing = async move {
            let replaced =
                replace_hash(store.as_ref(), &passwords, &context, credentials, &password);
            if let Err(error) = replaced.await {
                tracing::warn!(%error, "could not upgrade a password hash (retried at the next login)");
            }
        };
        tokio::spawn(replacing.in_current_span());
    }
}

async fn replace_hash(
    store: &dyn Store,
    passwords: &Passwords,
    context: &Context,
    credentials: Credentials,
    password: &Password,
) -> Result<(), Error> {
    let hash = passwords.rehash(password, &credentials.password_hash, context).await?;
    // Compare-and-set on the hash that was checked: if the password has changed since, the new one stays.
    store.password_rehash(credentials, hash).await?;
    Ok(())
}
