//! Statements that stand for themselves: each on a connection of its own choosing, outside a transaction.

use std::time::Duration;

use futures_util::{
    TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Either, Execute, Executor, Postgres, SqlStr,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use super::{super::verdict::Verdict, Lease, Pool};
use crate::store::{Error, Result};

/// When a statement is given up that the server should have ended itself, after ten seconds (`statement_timeout`).
const STATEMENT_DEADLINE: Duration = Duration::from_secs(12);

impl<'p> Executor<'p> for &'p Pool {
    type Database = Postgres;

    /// Reads all rows before the first is given out: what breaks meanwhile is seen here. Ours are bounded.
    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let all = async move {
            let mut lease = self.acquire().await?;
            let origin = lease.origin();
            let rows = (&mut *lease).fetch_many(query).try_collect::<Vec<_>>();
            let rows = self.supervised(&origin, STATEMENT_DEADLINE, rows).await;
            Ok::<_, sqlx::Error>(stream::iter(lease.outcome(rows)?.into_iter().map(Ok)))
        };
        Box::pin(stream::once(all).try_flatten())
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let mut lease = self.acquire().await?;
            let origin = lease.origin();
            let row = (&mut *lease).fetch_optional(query);
            let row = self.supervised(&origin, STATEMENT_DEADLINE, row).await;
            lease.outcome(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepare_with(sql, parameters).await })
    }
}

impl Lease {
    /// The answer to a statement outside a transaction, and what it says of the connection.
    pub(in crate::store::postgres) fn outcome<T>(
        &mut self,
        answer: Result<sqlx::Result<T>>,
    ) -> sqlx::Result<T> {
        match answer {
            Ok(Ok(answer)) => {
                self.answered();
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.judge(&error, Verdict::of(&error));
                Err(error)
            }
            Err(given_up) => {
                self.judge(&given_up, Verdict::DiscardAll);
                Err(Error::into(given_up))
            }
        }
    }
}
