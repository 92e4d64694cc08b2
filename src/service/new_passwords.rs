//! What a new password must be: the one place that says so, whoever sets it. The rules of the domain, and then the list of breached
//! passwords, if there is one (NIST SP 800-63B-4, section 3.1.1.2). A login is never asked: its password is what it is.

use std::{io, sync::Arc, time::Duration};

use prometheus_client::{metrics::counter::Counter, registry::Registry};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{
    domain::{Email, InvalidField, Password, PasswordPolicy, Username},
    password::breached::Breached,
};

/// How long a look-up may take. It reads a kilobyte: longer than that takes only a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// Look-ups at a time, and so the threads that a disk which hangs can hold.
const AT_ONCE: usize = 16;

/// Judges new passwords. Clones share the list and the metrics.
#[derive(Debug, Clone)]
pub struct NewPasswords {
    rules: PasswordPolicy,
    breached: Option<Arc<Breached>>,
    places: Arc<Semaphore>,
    refused: Counter,
    unchecked: Counter,
}

impl NewPasswords {
    /// Goes by these rules, and by that list.
    pub fn new(rules: PasswordPolicy, breached: Option<Breached>) -> Self {
        Self {
            rules,
            breached: breached.map(Arc::new),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            refused: Counter::default(),
            unchecked: Counter::default(),
        }
    }

    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_breached_passwords_refused",
            "New passwords that were refused, since they are on the list of breached ones",
            self.refused.clone(),
        );
        registry.register(
            "countersign_breached_passwords_unchecked",
            "New passwords that were taken although the list of breached ones could not be read",
            self.unchecked.clone(),
        );
    }

    /// Parses the field `password` for the user of that name and address.
    ///
    /// # Errors
    /// A password that breaks the rules, and one that is on the list.
    pub(super) async fn parse(
        &self,
        text: &str,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Password, InvalidField> {
        let password = Password::parse_new(text, self.rules, username, email)?;
        if !self.is_breached(&password).await {
            return Ok(password);
        }
        self.refused.inc();
        let problem =
            "is on a list of passwords that were published in breaches: choose another one";
        // People are told in their language, by programs that read no texts.
        Err(InvalidField::new("password", problem).with("breached", true))
    }

    /// Whether a password is on the list. Where that can't be read, it is taken as one that is not: the list is one check of
    /// several, and without it nobody could register or get back into an account. The log and a metric say so (ADR 50).
    async fn is_breached(&self, password: &Password) -> bool {
        let Some(list) = &self.breached else { return false };
        let looked = timeout(PATIENCE, self.look(Arc::clone(list), password.clone())).await;
        looked.map_err(io::Error::from).flatten().unwrap_or_else(|error| {
            self.unchecked.inc();
            tracing::error!(%error, "a new password was not compared with the breached ones");
            false
        })
    }

    /// On a thread for blocking work. The two reads take microseconds where the file is in memory, and as long as the disk takes where it is
    /// not, which a list of gigabytes seldom is: on this thread other calls would wait for that. Beside the hash that follows, the
    /// way there and back costs nothing.
    async fn look(&self, list: Arc<Breached>, password: Password) -> io::Result<bool> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let looked = spawn_blocking(move || {
            // Kept until the read has ended, also where nobody waits for it any more.
            let _place = place;
            list.contains(&password)
        });
        looked.await.map_err(io::Error::other).flatten()
    }
}
