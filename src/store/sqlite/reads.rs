//! Reads: on a read-only connection; the answer decides whether it is reused.

use tokio::time::timeout;

use sqlx::SqliteConnection;

use super::Sqlite;
use crate::store::{Body, Error, READ_DEADLINE, Result};

impl Sqlite {
    /// Runs statements that only read, each by itself: none needs a transaction. They are cancelled with their caller.
    ///
    /// # Errors
    /// The statements' own; a disk that does not answer; a database whose files are gone.
    pub(super) async fn read<A, T>(
        &self,
        operation: &'static str,
        args: A,
        body: Body<SqliteConnection, A, T>,
    ) -> Result<T>
    where
        A: Send + Sync,
    {
        let operation = self.operations.start(operation);
        let read = async {
            let wait = operation.waits();
            let mut connection = self.readers().acquire().await?;
            drop(wait);
            let rows = timeout(READ_DEADLINE, body(&mut connection, &args)).await;
            let silent = |_elapsed| Error::Unavailable("a read was not answered in time".into());
            // A connection that hangs would hold up its next user.
            let of_use = rows.as_ref().is_ok_and(|rows| rows.as_ref().err().is_none_or(is_of_use));
            if !of_use {
                connection.close_on_drop();
            }
            rows.map_err(silent).flatten()
        };
        operation.end(read.await)
    }
}

/// Whether a connection is reusable after that error. SQLite, by result code: IOERR, CORRUPT, CANTOPEN and NOTADB may
/// concern this connection's open files.
fn is_of_use(after: &Error) -> bool {
    let code = after.sqlstate().and_then(|code| code.parse::<u32>().ok());
    let crashed = matches!(after.of_sqlx(), Some(sqlx::Error::WorkerCrashed | sqlx::Error::Io(_)));
    !crashed && !code.is_some_and(|code| matches!(code & 0xff, 10 | 11 | 14 | 26))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn store() -> (tempfile::TempDir, Sqlite) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", folder.path().display());
        (folder, Sqlite::connect(&url, 1).await.unwrap())
    }

    async fn one(store: &Sqlite) -> Result<i64> {
        store
            .read("one", (), |connection, ()| {
                Box::pin(
                    async move { Ok(sqlx::query_scalar("SELECT 1").fetch_one(connection).await?) },
                )
            })
            .await
    }

    /// A disk that hangs: without a deadline of its own, the read would hold its connection for ever.
    #[tokio::test]
    async fn a_read_that_gets_no_answer_ends_and_its_connection_with_it() {
        let (_folder, store) = store().await;
        let silent = store.read("silent", (), |_connection, ()| {
            Box::pin(async move {
                // From here on only the deadline passes.
                tokio::time::pause();
                std::future::pending::<Result<()>>().await
            })
        });
        let error = silent.await.unwrap_err();
        tokio::time::resume();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        assert_eq!(error.operation(), Some("silent"));
        let closed = async {
            while store.readers.size() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(READ_DEADLINE, closed).await.unwrap();
        // The pool's limit is one: this is another connection.
        assert_eq!(one(&store).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_statement_that_fails_costs_no_connection() {
        let (_folder, store) = store().await;
        one(&store).await.unwrap();
        let failed = store.read("failed", (), |connection, ()| {
            Box::pin(async move {
                sqlx::query("SELECT nothing").execute(connection).await?;
                Ok(())
            })
        });
        failed.await.unwrap_err();
        // A returned connection is idle a moment later.
        while store.readers.num_idle() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.readers.size(), 1);
    }
}
