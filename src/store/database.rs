//! The database itself.

use std::{fmt::Debug, sync::Arc, sync::atomic::AtomicBool};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Operations, Result};

/// The database itself.
#[async_trait]
pub trait Database: Debug + Send + Sync {
    /// Whether the schema is up to date. Changes nothing, and needs no right to.
    async fn is_migrated(&self) -> Result<bool>;

    /// Brings the schema up to date. Safe when several replicas do so at once.
    async fn migrate(&self) -> Result<()>;

    /// Checks that the database answers and its schema is current.
    async fn check(&self) -> Result<()>;

    /// Returns when [`check`](Self::check) is worth repeating at once, before its next turn.
    async fn readiness_changed(&self) {
        std::future::pending().await
    }

    /// Never returns. Notifies `heard` on possible revocations by other replicas (LISTEN/NOTIFY). Best effort, and nothing on
    /// SQLite, so callers also poll: it only saves them the wait.
    async fn hear_revocations(&self, heard: &Notify);

    /// Connection pool usage, for metrics.
    fn pool_use(&self) -> PoolUse;

    /// Durations of operations, for metrics.
    fn operations(&self) -> &Operations;

    /// A flag that is true while a transaction of this process writes to a disk of this machine.
    fn writing(&self) -> Arc<AtomicBool>;

    /// Lets running statements end and closes the connections.
    async fn close(&self);
}

/// Connection pool usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolUse {
    /// Open connections.
    pub open: u32,
    /// Idle connections.
    pub idle: u32,
    /// The pool's limit.
    pub max: u32,
}

/// Sums up the usage of some pools.
pub(super) fn pool_use<'a, DB: sqlx::Database>(
    pools: impl IntoIterator<Item = &'a sqlx::Pool<DB>>,
) -> PoolUse {
    let mut sum = PoolUse::default();
    for pool in pools {
        sum.open += pool.size();
        sum.idle += u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        sum.max += pool.options().get_max_connections();
    }
    sum
}
