//! What is kept, and the promises about it. SQL lives below this module and nowhere else.
//!
//! [`Store`] is one trait a topic. Its methods are as large as a use case needs and atomic, so that no transaction
//! type leaks upward. There are two implementations, Postgres and SQLite. The statements are the same text for both
//! (`queries/`, compiled once for each database); how a connection is had, guarded and retried is each one's own.
//! Every method has a contract test that runs on both (`tests/it/store/`). A method that does what matters for security
//! records it as an event, in the same transaction.

mod announcements;
mod cause;
mod column;
mod error;
mod factors;
mod mailbox;
mod migrations;
mod operations;
mod outbox;
pub mod postgres;
mod preparation;
pub(crate) mod private_file;
mod records;
mod sealed;
pub mod sqlite;
mod write_health;

use std::{
    fmt::Debug,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::{Challenge, Event, LoginName, Session, Timestamp, User};

pub use self::{
    error::Error,
    factors::{
        ConfirmTotp, FactorChange, Factors, NewTotp, SealedTotp, Spending, SpentRecoveryCode,
        TwoFactor, UserFactors,
    },
    mailbox::{MailboxCode, MailboxCodes, MailboxProof, NewMailboxCode, PasswordReset},
    operations::Operations,
    outbox::{
        ClaimedMessage, CodePurpose, Hold, LONGEST_REST, Outbox, OutboxState, Places, Priority,
        SealedCode, SealedMessage,
    },
    preparation::{Migrate, Preparation, prepare},
    records::{
        Admission, Charge, CodeRules, Credentials, Ended, EventFilter, Lease, LiveSession,
        NewChallenge, NewUser, NumberedRevocation, PasswordChange, PoolUse, Refresh, Renewal,
        Reservation, ReservedChallenge, Restoration, ReuseNotice, Revoking, Rotation, SealedKey,
        SessionLimit, Settled, Taken,
    },
    sealed::{Resealed, SealedColumn, SealedValue, SealedValues, WrappedKey},
};

/// How long a statement waits for a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest that a read may take, all its statements together. Postgres ends each after ten seconds by itself.
const READ_DEADLINE: Duration = Duration::from_secs(12);

/// The longest that a write may take, retries included. Statements have a shorter limit of their own on the server.
const WRITE_DEADLINE: Duration = Duration::from_secs(20);

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything the service keeps.
pub trait Store:
    Database
    + Users
    + Passwords
    + Sessions
    + Challenges
    + Factors
    + MailboxCodes
    + Outbox
    + SigningKeys
    + SealedValues
    + Revocations
    + Throttles
    + Events
    + Housekeeping
{
}

impl<T> Store for T where
    T: Database
        + Users
        + Passwords
        + Sessions
        + Challenges
        + Factors
        + MailboxCodes
        + Outbox
        + SigningKeys
        + SealedValues
        + Revocations
        + Throttles
        + Events
        + Housekeeping
{
}

/// The database as such.
#[async_trait]
pub trait Database: Debug + Send + Sync {
    /// Whether the schema is up to date. Changes nothing, and takes no right to.
    async fn is_migrated(&self) -> Result<bool>;

    /// Brings the schema up to date. Safe when several replicas do so at once.
    async fn migrate(&self) -> Result<()>;

    /// Checks that the database answers and its schema is current.
    async fn check(&self) -> Result<()>;

    /// Comes back when it is worth asking [`check`](Self::check) again at once, rather than at its turn.
    async fn readiness_changed(&self) {
        std::future::pending().await
    }

    /// Tells `heard` when another replica may have revoked something, for ever. On SQLite nobody announces that, and
    /// anywhere an announcement can be lost: it only saves whoever looks for themselves the wait.
    async fn hear_revocations(&self, heard: &Notify);

    /// How the connections are used, for metrics.
    fn pool_use(&self) -> PoolUse;

    /// How long its operations took, for metrics.
    fn operations(&self) -> &Operations;

    /// A flag that is true while a transaction of this process writes to a disk of this machine.
    fn writing(&self) -> Arc<AtomicBool>;

    /// Lets running statements end and closes the connections.
    async fn close(&self);
}

/// Users and their credentials.
#[async_trait]
pub trait Users {
    /// Adds a user, and the code that verifies their address if there is one, unless the username, the address or the
    /// request id is taken. With a key for a claim, an address counts as taken only if it is verified. Returns whether it did.
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

    /// Finds a user by id; nothing once they are deleted.
    async fn user_by_id(&self, id: Uuid) -> Result<Option<Credentials>>;

    /// Deletes a user, if the credentials are still those of that version and the session that asks may ask
    /// ([`FactorChange`]), tells those who watch, and adds the message that tells the user. Name and address are free at once,
    /// and nothing personal is left in the user's row; it and all that refers to it is removed later (`Ended::Deleted…`).
    /// Returns whether it did.
    async fn user_delete(
        &self,
        id: Uuid,
        session_id: Uuid,
        credential_version: i64,
        at: Revoking,
        message: SealedMessage,
    ) -> Result<bool>;

    /// Disables a user, ends all of their sessions and open challenges and what was begun with their credentials, and tells
    /// those who watch. Returns whether they were enabled.
    async fn user_disable(&self, id: Uuid, at: Revoking) -> Result<bool>;

    /// Enables a user. What had not ended when they were disabled past [`user_disable`](Self::user_disable) ends now. Returns
    /// whether they were disabled.
    async fn user_enable(&self, id: Uuid, at: Revoking) -> Result<bool>;
}

/// Password hashes.
#[async_trait]
pub trait Passwords {
    /// Sets another password, if the credentials are still those of that version and the session that asks may ask
    /// ([`FactorChange`]): ends the user's other sessions and open challenges, tells those who watch, and adds the message
    /// that tells the user. The session that asks goes on. Returns whether it did.
    async fn password_change(&self, change: PasswordChange, message: SealedMessage)
    -> Result<bool>;

    /// Sets another password on the word of a right code, if the user is enabled and the credentials are still those it was
    /// sent for: uses the code up, ends all sessions and open challenges, tells those who watch, and adds the message that
    /// tells the user. Unless a second factor is left to be shown, the address counts as verified, as by
    /// [`MailboxCodes::email_verify`]. Of many callers one succeeds. Returns whether it did.
    async fn password_reset(&self, reset: PasswordReset, message: SealedMessage) -> Result<bool>;

    /// Replaces the hash by another one of the same password, if neither hash nor version has changed. Returns whether
    /// it did.
    async fn password_rehash(&self, of: Credentials, password_hash: String) -> Result<bool>;
}

/// Sessions.
#[async_trait]
pub trait Sessions {
    /// Begins a session, if the user is enabled and the credentials are still those of that version. With that the login's own
    /// attempts are settled, and the user's oldest sessions beyond `limit` end. Returns the session in the user's epoch, if it
    /// began.
    async fn session_create(
        &self,
        session: Session,
        credential_version: i64,
        settled: Settled,
        limit: SessionLimit,
    ) -> Result<Option<Session>>;

    /// Finds a session that lives: not revoked, not expired, of its user's epoch, its user enabled and the credentials still
    /// those it began with. One without a second factor does not live while its user has one.
    async fn session_live(&self, id: Uuid, now: Timestamp) -> Result<Option<LiveSession>>;

    /// Finds a session that can be refreshed or could be once, whatever has become of it.
    async fn session_find(&self, id: Uuid) -> Result<Option<Session>>;

    /// The sessions of a user that live, the one used last first.
    async fn session_list(&self, user_id: Uuid, now: Timestamp) -> Result<Vec<Session>>;

    /// Moves a session that lives on to its next refresh token. Of many callers with one token at most one succeeds. A
    /// token that is not the session's current one, unless the request is the last one again, ends it if the refresh comes
    /// with a message to the user, and adds that message, if its budgets have room.
    async fn session_rotate(&self, refresh: Refresh) -> Result<Rotation>;

    /// Ends a session of that user, and tells those who watch. Returns whether it had not been ended before.
    async fn session_revoke(&self, id: Uuid, user_id: Uuid, at: Revoking) -> Result<bool>;

    /// Ends a session of that user because another one of theirs, `asking`, says so, and tells those who watch. Returns
    /// whether `asking` lives; if it does not, nothing ends.
    async fn session_revoke_for(
        &self,
        id: Uuid,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<bool>;

    /// Ends all of the user's sessions but the one that asks, in a few rows however many there are, and tells those who
    /// watch. Returns how many lived, 1,000 at the most; nothing, and ends none, where `asking` does not live.
    async fn session_revoke_others(
        &self,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<Option<usize>>;
}

/// Challenges: logins that wait for a second factor.
#[async_trait]
pub trait Challenges {
    /// Adds a challenge, and the message with its code, if one is sent; if the user is enabled and the credentials are still
    /// those of that version. Returns whether it did.
    async fn challenge_create(
        &self,
        new: NewChallenge,
        message: Option<SealedMessage>,
    ) -> Result<bool>;

    /// Finds a challenge, also one that has expired or was answered, and its user; nothing if the user's credentials or second
    /// factors have changed since it began.
    async fn challenge_find(&self, token_mac: [u8; 32]) -> Result<Option<(Challenge, User)>>;

    /// Spends one attempt, before anything is compared: what is spent stays spent whatever happens next.
    async fn challenge_reserve(
        &self,
        token_mac: [u8; 32],
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation<ReservedChallenge>>;

    /// Uses up the challenge and what proved the user, and begins the session: all of it, or nothing where one of them is
    /// spent already, the user is disabled, or their credentials or second factors have changed. The user's oldest sessions
    /// beyond `limit` end. Returns the session in the user's epoch, if it began.
    ///
    /// A code that was sent completes nothing for a user who has an app, whoever began the challenge. Otherwise it also shows
    /// that the address is the user's: that then counts as verified.
    async fn challenge_complete(
        &self,
        challenge: Challenge,
        session: Session,
        spending: Spending,
        limit: SessionLimit,
    ) -> Result<Option<Session>>;

    /// Replaces the code, if the cool-down is over, and adds the message with the new one. Spent attempts stay spent.
    async fn challenge_renew(
        &self,
        token_mac: [u8; 32],
        code_mac: [u8; 32],
        rules: CodeRules,
        message: SealedMessage,
    ) -> Result<Renewal>;
}

/// Signing keys, encrypted.
#[async_trait]
pub trait SigningKeys {
    /// All keys, in the order of their algorithms and generations.
    async fn signing_keys(&self) -> Result<Vec<SealedKey>>;

    /// Whether there is such a key, and it is not retired.
    async fn signing_key_unretired(&self, id: Uuid) -> Result<bool>;

    /// Adds a key, unless there is one of that algorithm and generation. Returns whether it did: of many callers one does.
    async fn signing_key_create(&self, key: SealedKey) -> Result<bool>;

    /// Retires a key while `signer`, which is another one, is not retired, and tells those who watch. Returns whether it did.
    async fn signing_key_retire(&self, id: Uuid, signer: Uuid, at: Revoking) -> Result<bool>;

    /// Adds a key, retires `replaced`, and tells those who watch: all of it, or nothing where there is a key of that algorithm and
    /// generation, or `replaced` is retired already. Returns whether it did: of many callers one does.
    async fn signing_key_replace(
        &self,
        key: SealedKey,
        replaced: Uuid,
        at: Revoking,
    ) -> Result<bool>;

    /// Forgets the private part of a key. Returns whether there was one.
    async fn signing_key_erase(&self, id: Uuid) -> Result<bool>;

    /// Forgets a key. Returns whether there was one.
    async fn signing_key_remove(&self, id: Uuid) -> Result<bool>;
}

/// What one replica does for all.
#[async_trait]
pub trait Housekeeping {
    /// Takes a lease that nobody holds, or whose time is up, or renews one's own. Returns whether it is held now.
    async fn lease_take(&self, lease: Lease) -> Result<bool>;

    /// Removes what ended before that time, `most` rows at the most. Returns how many it removed.
    async fn ended_remove(&self, ended: Ended, before: Timestamp, most: u32) -> Result<u64>;

    /// Ends accounts, `most` at the most, whose time to verify their address is over, as [`Users::user_delete`] does but without
    /// a message. Returns how many.
    async fn unverified_users_end(&self, at: Revoking, most: u32) -> Result<u64>;

    /// After the database was restored as it was earlier: ends codes that were mailed, records the restore, and has the numbers of
    /// revocations go on beyond all that were given out before it. Then comes [`restored_end`](Self::restored_end).
    async fn restored_begin(&self, restoration: Restoration) -> Result<()>;

    /// Ends all sessions, challenges and enrolments of the next `most` users after an id, the steps of their apps up to now, and
    /// their recovery codes; tells those who watch. Returns the last of these users, if there was one.
    async fn restored_end(
        &self,
        after: Uuid,
        restoration: Restoration,
        most: u32,
    ) -> Result<Option<Uuid>>;
}

/// Revocations, numbered in the order of their commits.
#[async_trait]
pub trait Revocations {
    /// The number of the last one; 0 if there never was one.
    async fn revocation_head(&self) -> Result<i64>;

    /// Those after a number that still matter: in order, and not more than `limit`.
    async fn revocations_after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NumberedRevocation>>;
}

/// Counted attempts. A key is a keyed digest: what it stands for is not kept.
#[async_trait]
pub trait Throttles {
    /// Charges all of these budgets, whose keys differ, with one attempt, or none of them where one refuses it. Before anything is
    /// evaluated: concurrent attempts can't share what is left.
    async fn throttle_charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Admission>;

    /// Whether all of these budgets would let an attempt through. Charges nothing.
    async fn throttle_admits(&self, charges: Vec<Charge>, now: Timestamp) -> Result<bool>;

    /// Forgets rows of failures, and gives attempts back as though they had not been made: what others were charged with since
    /// stays.
    async fn throttle_settle(&self, settled: Settled) -> Result<()>;
}

/// What happened that matters for security: appended, and never changed. What another write causes gets in by the method
/// that makes it.
#[async_trait]
pub trait Events {
    /// Adds an event that no other write causes, and the message that tells the user of it, if there is one.
    async fn event_append(&self, event: Event, message: Option<SealedMessage>) -> Result<()>;

    /// The newest of those that match, the newest first.
    async fn events_list(&self, filter: EventFilter) -> Result<Vec<Event>>;
}

/// Connects to the database that `url` names. On SQLite it is made where there is none.
///
/// # Errors
/// A URL of another scheme, a database that can't be reached, one that may lose what it has acknowledged.
pub async fn connect(url: &str, max_connections: u32) -> Result<Arc<dyn Store>> {
    connect_accepting(url, max_connections, &[]).await
}

/// The same, and accepts that a host of `fsync_off_at` has `fsync` off.
///
/// # Errors
/// Those of [`connect`].
pub async fn connect_accepting(
    url: &str,
    max_connections: u32,
    fsync_off_at: &[String],
) -> Result<Arc<dyn Store>> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("postgres" | "postgresql") => {
            let store = postgres::Postgres::connect(url, max_connections, fsync_off_at).await?;
            Ok(Arc::new(store))
        }
        Some("sqlite") => Ok(Arc::new(sqlite::Sqlite::connect(url, max_connections).await?)),
        Some(_) | None => Err(Error::Url("it must begin with postgres:// or sqlite://".into())),
    }
}

/// Connects to the database that `url` names, which must be there: a command that asks or changes something makes none.
///
/// # Errors
/// Those of [`connect`]; no such file.
pub async fn connect_existing(
    url: &str,
    max_connections: u32,
    fsync_off_at: &[String],
) -> Result<Arc<dyn Store>> {
    if url.starts_with("sqlite:") {
        return Ok(Arc::new(sqlite::Sqlite::connect_existing(url, max_connections).await?));
    }
    connect_accepting(url, max_connections, fsync_off_at).await
}

/// Refuses the URL of an SQLite file that is not there.
///
/// # Errors
/// A bad URL; no such file.
pub fn must_exist(url: &str) -> Result<()> {
    if url.starts_with("sqlite:") { sqlite::must_exist(url) } else { Ok(()) }
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
