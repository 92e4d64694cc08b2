//! The parts of the service, made once and handed to those who take them.

use std::{io, sync::Arc};

use super::{Environment, Error};
use crate::{
    config::{Config, Signing},
    password::Passwords,
    service::{
        self, Accounts, Clock, Factors, Janitor, KeyKeeper, Keys, Limits, Logins, Mailbox,
        Operator, Outbox, Readiness, Reencryption, Revocations, Sessions,
    },
    store::{self, Store},
    token::{self, AccessTokens, Algorithm, KeyRing, MasterKey},
};

/// All parts of one replica.
#[derive(Debug)]
pub struct Parts {
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// The hashing engine.
    pub passwords: Passwords,
    /// What is to be sent.
    pub outbox: Outbox,
    /// What signs access tokens.
    pub keys: Arc<Keys>,
    /// What is known to be revoked.
    pub revocations: Arc<Revocations>,
    /// What begins, shows and ends sessions.
    pub sessions: Arc<Sessions>,
    /// What evaluates second factors, and changes them.
    pub factors: Arc<Factors>,
    /// What sends codes to mailboxes, and takes the answers.
    pub mailbox: Arc<Mailbox>,
    /// What makes, changes and deletes accounts.
    pub accounts: Arc<Accounts>,
    /// What logs users in.
    pub logins: Arc<Logins>,
    /// What removes what has ended.
    pub janitor: Janitor,
    /// Whether the replica could do its work.
    pub readiness: Readiness,
}

/// Makes all parts, and what they stand on: an up-to-date database, keys, hashing threads.
///
/// # Errors
/// What can't be had.
pub async fn parts(config: &Config, environment: &Environment) -> Result<Parts, Error> {
    // Nobody waits for this but the first signature, which would otherwise do it then.
    drop(tokio::task::spawn_blocking(token::seed_randomness));
    // Checking the kernels takes as long as opening the database: they go side by side.
    let hashing = config.password;
    let passwords = tokio::spawn(blocking(move || Passwords::start(hashing)));
    // Before the master key: this makes the folder where the development profile keeps it.
    let store = config.database.connect().await?;
    store::prepare(store.as_ref(), config.database.preparation()).await?;
    let master_key = master_key(config).await?;
    // Before the signing keys: a wrong master key is noticed here and makes none.
    let master_key =
        service::with_digest_key(master_key, store.as_ref(), &environment.clock).await?;
    let (keeper, ring) = match &config.signing {
        Signing::Stored(algorithm) => {
            let keeper = key_keeper(config, *algorithm, &store, &master_key, &environment.clock);
            let ring = keeper.load().await?;
            (Some(keeper), ring)
        }
        Signing::Secret(key) => (None, KeyRing::of_one(key.clone())),
    };
    let passwords = passwords.await.map_err(io::Error::other).flatten().map_err(Error::Threads)?;
    passwords.rest_while(store.writing());
    Ok(wire(config, environment, Base { store, passwords, master_key, keeper, ring }))
}

/// What the parts stand on.
struct Base {
    store: Arc<dyn Store>,
    passwords: Passwords,
    master_key: MasterKey,
    /// None with a configured secret.
    keeper: Option<KeyKeeper>,
    ring: KeyRing,
}

/// Gives each part those that it uses.
fn wire(config: &Config, environment: &Environment, base: Base) -> Parts {
    let Base { store, passwords, master_key, keeper, ring } = base;
    let (policy, clock) = (Arc::new(config.policy.clone()), environment.clock.clone());
    let tokens = AccessTokens::new(ring, config.access_tokens.clone());
    let outbox = Outbox::new(master_key.clone(), clock.clone());
    let keys = Arc::new(Keys::new(keeper, tokens.clone(), clock.clone()));
    let (pace, stream_age) = (environment.revocations, config.listen.stream_age);
    let revocations = Revocations::new(Arc::clone(&store), clock.clone(), pace, stream_age);
    let limits = Limits::new(
        Arc::clone(&store),
        master_key.clone(),
        passwords.clone(),
        Arc::clone(&policy),
        outbox.clone(),
        clock.clone(),
    );
    let limits = Arc::new(limits);
    let sessions = Arc::new(Sessions {
        store: Arc::clone(&store),
        tokens,
        master_key: master_key.clone(),
        policy: Arc::clone(&policy),
        limits: Arc::clone(&limits),
        outbox: outbox.clone(),
        clock: clock.clone(),
    });
    let factors = Arc::new(Factors {
        store: Arc::clone(&store),
        master_key: master_key.clone(),
        policy: Arc::clone(&policy),
        limits: Arc::clone(&limits),
        sessions: Arc::clone(&sessions),
        outbox: outbox.clone(),
        clock: clock.clone(),
    });
    let mailbox = Arc::new(Mailbox {
        store: Arc::clone(&store),
        master_key: master_key.clone(),
        policy: Arc::clone(&policy),
        limits: Arc::clone(&limits),
        sessions: Arc::clone(&sessions),
        outbox: outbox.clone(),
        clock: clock.clone(),
    });
    let accounts = Accounts {
        store: Arc::clone(&store),
        passwords: passwords.clone(),
        policy: Arc::clone(&policy),
        limits: Arc::clone(&limits),
        sessions: Arc::clone(&sessions),
        factors: Arc::clone(&factors),
        mailbox: Arc::clone(&mailbox),
        outbox: outbox.clone(),
        clock: clock.clone(),
    };
    let logins = Logins {
        store: Arc::clone(&store),
        passwords: passwords.clone(),
        policy: Arc::clone(&policy),
        master_key,
        limits,
        sessions: Arc::clone(&sessions),
        factors: Arc::clone(&factors),
        outbox: outbox.clone(),
        clock: clock.clone(),
    };
    let janitor = Janitor::new(Arc::clone(&store), Arc::clone(&keys), &policy, clock);
    Parts {
        readiness: Readiness::new(Arc::clone(&store), Arc::clone(&keys)),
        store,
        passwords,
        outbox,
        keys,
        sessions,
        factors,
        mailbox,
        accounts: Arc::new(accounts),
        logins: Arc::new(logins),
        revocations: Arc::new(revocations),
        janitor,
    }
}

/// Makes what the signing keys are managed with, on a database that is up to date; nothing where there is a configured secret.
///
/// # Errors
/// What can't be had.
pub async fn keys(config: &Config, clock: &Clock) -> Result<Option<KeyKeeper>, Error> {
    let Signing::Stored(algorithm) = &config.signing else { return Ok(None) };
    let store = config.database.connect_existing().await?;
    store.check().await?;
    let master_key = master_key(config).await?;
    Ok(Some(key_keeper(config, *algorithm, &store, &master_key, clock)))
}

/// Makes what commands about users stand on, on a database that is up to date.
///
/// # Errors
/// What can't be had.
pub async fn operator(config: &Config, clock: &Clock) -> Result<Operator, Error> {
    let (store, master_key) = opened(config, clock).await?;
    Ok(Operator { store, outbox: Outbox::new(master_key, clock.clone()), clock: clock.clone() })
}

/// Makes what encrypts everything anew, on a database that is up to date.
///
/// # Errors
/// What can't be had.
pub async fn reencryption(config: &Config, clock: &Clock) -> Result<Reencryption, Error> {
    let (store, master_key) = opened(config, clock).await?;
    Ok(Reencryption { store, master_key })
}

/// A database that is up to date, and what opens what is encrypted in it.
async fn opened(config: &Config, clock: &Clock) -> Result<(Arc<dyn Store>, MasterKey), Error> {
    let store = config.database.connect_existing().await?;
    store.check().await?;
    let master_key = master_key(config).await?;
    let master_key = service::with_digest_key(master_key, store.as_ref(), clock).await?;
    Ok((store, master_key))
}

fn key_keeper(
    config: &Config,
    algorithm: Algorithm,
    store: &Arc<dyn Store>,
    master_key: &MasterKey,
    clock: &Clock,
) -> KeyKeeper {
    KeyKeeper {
        store: Arc::clone(store),
        master_key: master_key.clone(),
        algorithm,
        rotation: config.key_rotation,
        lead: config.key_lead,
        token_ttl: config.access_tokens.ttl,
        clock: clock.clone(),
        reloading: Arc::default(),
    }
}

async fn master_key(config: &Config) -> Result<MasterKey, Error> {
    let (source, old) = (config.master_key.clone(), config.old_master_key.clone());
    blocking(move || source.load_beside(old.as_ref())).await.map_err(Error::MasterKey)
}

/// Runs what blocks a thread on one that may be blocked.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
}
