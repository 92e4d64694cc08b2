//! What is kept, and the promises about it. SQL lives below this module and nowhere else.
//!
//! [`Store`] is one trait a topic. Its methods are as large as a use case needs and atomic, so that no transaction
//! type leaks upward. There are two implementations, Postgres and SQLite. The statements are the same text for both
//! (`queries/`, compiled once for each database); how a connection is had, guarded and retried is each one's own.
//! Every method has a contract test that runs on both (`tests/it/store/`).

mod column;
mod error;
mod migrations;
pub mod postgres;
mod records;
pub mod sqlite;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::Semaphore, time::timeout};
use uuid::Uuid;

use crate::domain::{Challenge, LoginName, Session, Timestamp};

pub use self::{
    error::Error,
    records::{
        CodeRules, ConfirmTotp, Credentials, Enrollment, LiveSession, NewChallenge, NewTotp, NewUser, PoolUse, Renewal, Reservation,
        Revoking, SealedKey, SealedTotp, Taken, UserFactors,
    },
};

/// How long a statement waits for a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest that a write may take, retries included. Statements have a shorter limit of their own on the server.
const WRITE_DEADLINE: Duration = Duration::from_secs(20);

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything the service keeps.
pub trait Store: Database + Users + Sessions + Challenges + Factors + SigningKeys {}

impl<T: Database + Users + Sessions + Challenges + Factors + SigningKeys> Store for T {}

/// The database as such.
#[async_trait]
pub trait Database: Debug + Send + Sync {
    /// Brings the schema up to date. Safe when several replicas do so at once.
    async fn migrate(&self) -> Result<()>;

    /// Checks that the database answers and its schema is current.
    async fn check(&self) -> Result<()>;

    /// How the connections are used, for metrics.
    fn pool_use(&self) -> PoolUse;

    /// Lets running statements end and closes the connections.
    async fn close(&self);
}

/// Users and their credentials.
#[async_trait]
pub trait Users {
    /// Adds a user, unless the username, the address or the request id is taken. Returns whether it did.
    async fn user_create(&self, new: NewUser) -> Result<bool>;

    /// Finds what stands in the way of a new user: the same request first, then the name, then the address.
    async fn user_taken(
        &self,
        username_key: &str,
        email_key: &str,
        request_id: Option<Uuid>,
    ) -> Result<Option<Taken>>;

    /// Finds a user by what they typed at login.
    async fn user_by_login(&self, name: &LoginName) -> Result<Option<Credentials>>;

    /// Finds a user by id.
    async fn user_by_id(&self, id: Uuid) -> Result<Option<Credentials>>;
}

/// Sessions.
#[async_trait]
pub trait Sessions {
    /// Begins a session, if the user is enabled and the credentials are still those of that version.
    async fn session_create(&self, session: Session, credential_version: i64) -> Result<bool>;

    /// Finds a session that lives: not revoked, not expired, its user enabled and the credentials still those it began with.
    async fn session_live(&self, id: Uuid, now: Timestamp) -> Result<Option<LiveSession>>;

    /// Ends a session of that user, and tells those who watch. Returns whether it lived.
    async fn session_revoke(&self, id: Uuid, user_id: Uuid, at: Revoking) -> Result<bool>;
}

/// Challenges: logins that wait for a second factor.
#[async_trait]
pub trait Challenges {
    /// Adds a challenge.
    async fn challenge_create(&self, new: NewChallenge) -> Result<()>;

    /// Spends one attempt, before anything is compared: what is spent stays spent whatever happens next.
    async fn challenge_reserve(
        &self,
        token_mac: [u8; 32],
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation>;

    /// Uses the challenge up and begins the session; returns whether it began. Of many callers one succeeds. Once the
    /// user is disabled or the credentials have changed, the challenge is used up and no session begins.
    async fn challenge_complete(&self, challenge: Challenge, session: Session) -> Result<bool>;

    /// Replaces the code, if the cool-down is over. Spent attempts stay spent.
    async fn challenge_renew(
        &self,
        token_mac: [u8; 32],
        code_mac: [u8; 32],
        rules: CodeRules,
    ) -> Result<Renewal>;
}

/// Second factors: authenticator apps and recovery codes.
#[async_trait]
pub trait Factors {
    /// What a user has to answer a challenge with, beside codes that are sent.
    async fn factors_of(&self, user_id: Uuid) -> Result<UserFactors>;

    /// Begins an enrolment; an earlier one that was not confirmed is forgotten.
    async fn totp_begin(&self, new: NewTotp) -> Result<()>;

    /// Spends one attempt to confirm an enrolment of that user, before any code is compared.
    async fn totp_reserve(
        &self,
        id: Uuid,
        user_id: Uuid,
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Enrollment>;

    /// Confirms an enrolment: the app replaces an earlier one, the second factor is on, the recovery codes are new. Returns
    /// whether there was such an enrolment.
    async fn totp_confirm(&self, confirm: ConfirmTotp) -> Result<bool>;

    /// Replaces the recovery codes, which are given as keyed digests.
    async fn recovery_codes_replace(
        &self,
        user_id: Uuid,
        codes: Vec<[u8; 32]>,
        now: Timestamp,
    ) -> Result<()>;

    /// Turns the second factor on or off. Off forgets the app and the recovery codes.
    async fn two_factor_set(&self, user_id: Uuid, enabled: bool) -> Result<()>;
}

/// Signing keys, encrypted.
#[async_trait]
pub trait SigningKeys {
    /// The key that signs with `algorithm`.
    async fn signing_key_active(&self, algorithm: &str) -> Result<Option<SealedKey>>;

    /// Adds the key that signs, unless there is one. Returns whether it did.
    async fn signing_key_create(&self, key: SealedKey) -> Result<bool>;
}

/// Connects to the database that `url` names.
///
/// # Errors
/// A URL of another scheme, a database that can't be reached, one that may lose what it has acknowledged.
pub async fn connect(url: &str, max_connections: u32) -> Result<Arc<dyn Store>> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("postgres" | "postgresql") => {
            Ok(Arc::new(postgres::Postgres::connect(url, max_connections).await?))
        }
        Some("sqlite") => Ok(Arc::new(sqlite::Sqlite::connect(url, max_connections).await?)),
        Some(_) | None => Err(Error::Url("it must begin with postgres:// or sqlite://".into())),
    }
}

/// The writes that run at a time: as many as there are connections to run them on.
#[derive(Debug, Clone)]
struct Writes(Arc<Semaphore>);

impl Writes {
    fn new(connections: u32) -> Self {
        Self(Arc::new(Semaphore::new(connections.try_into().unwrap_or(Semaphore::MAX_PERMITS))))
    }

    /// Runs a write to its end, whatever becomes of the caller: tonic drops a handler whose client goes away, and half a
    /// write is none that anyone asked for. A caller who goes while waiting for a place takes the write along: those who
    /// send and run leave no heap of tasks behind.
    async fn to_its_end<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let place = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(Error::Unavailable("no connection is free to write".into()));
        };
        let write = async move {
            let _place = place;
            // A database that hangs must not hold the place for ever.
            let hangs = |_elapsed| Error::Unavailable("a write was not answered in time".into());
            timeout(WRITE_DEADLINE, write).await.map_err(hangs).flatten()
        };
        match tokio::spawn(write).await {
            Ok(result) => result,
            Err(panicked) if panicked.is_panic() => Err(Error::Statement(panicked.into())),
            Err(stopping) => Err(Error::Unavailable(stopping.into())),
        }
    }
}

/// Adds up how the connections of some pools are used.
fn pool_use<'a, DB: sqlx::Database>(
    pools: impl IntoIterator<Item = &'a sqlx::Pool<DB>>,
) -> PoolUse {
    let mut sum = PoolUse { open: 0, idle: 0, max: 0 };
    for pool in pools {
        sum.open += pool.size();
        sum.idle += u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        sum.max += pool.options().get_max_connections();
    }
    sum
}
