//! How a read is run: on one of the connections that can't write, which is judged by its answer.

use tokio::time::timeout;

use sqlx::SqliteConnection;

use super::Sqlite;
use crate::store::{Body, Error, READ_DEADLINE, Result};

impl Sqlite {
    /// Runs statements that only read, each by itself: nothing of them needs a transaction. They end with their caller.
    ///
    /// # Errors
    /// The statements' own; a disk that says nothing; a database whose files are gone.
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
            let mut connection = self.readers().acquire().await?;
            let rows = timeout(READ_DEADLINE, body(&mut connection, &args)).await;
            let silent = |_elapsed| Error::Unavailable("a read was not answered in time".into());
            // One that answers nothing would hold up whoever has it next.
            let of_use = rows.as_ref().is_ok_and(|rows| rows.as_ref().err().is_none_or(is_of_use));
            if !of_use {
                connection.close_on_drop();
            }
            rows.map_err(silent).flatten()
        };
        operation.end(read.await)
    }
}

/// Whether a connection is as good as before after that error. SQLite, by result code: IOERR, CORRUPT, CANTOPEN and NOTADB may be
/// about what this connection has open.
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

    /// As a disk that hangs: without a deadline of its own, the read would hold its connection for ever.
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
        // There may be one: this is another.
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
        // What is given back is idle a moment later.
        while store.readers.num_idle() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.readers.size(), 1);
    }
}
