//! Reads: on a pooled connection, outside a transaction; the answer decides whether the connection is reused.

use std::time::Duration;

use sqlx::PgConnection;

use super::Postgres;
use crate::store::{Body, PATIENCE, READ_DEADLINE, Result};

impl Postgres {
    /// Runs statements that only read, each by itself: none needs a transaction. They are cancelled with their caller.
    ///
    /// # Errors
    /// The statements' own; a server that is gone, or does not answer.
    pub(super) async fn read<A, T>(
        &self,
        operation: &'static str,
        args: A,
        body: Body<PgConnection, A, T>,
    ) -> Result<T>
    where
        A: Send + Sync,
    {
        self.read_within(PATIENCE, operation, args, body).await
    }

    /// Like `read`, with a shorter timeout for a connection.
    pub(super) async fn read_within<A, T>(
        &self,
        patience: Duration,
        operation: &'static str,
        args: A,
        body: Body<PgConnection, A, T>,
    ) -> Result<T>
    where
        A: Send + Sync,
    {
        let operation = self.operations.start(operation);
        let read = async {
            let mut lease = self.pool.acquire_within(patience).await?;
            let origin = lease.origin();
            let rows = body(&mut lease, &args);
            let rows = self.pool.supervised(&origin, READ_DEADLINE, rows).await;
            lease.outcome(rows)
        };
        operation.end(read.await)
    }
}
