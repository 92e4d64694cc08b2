//! Store errors, by their remedy.

use std::{borrow::Cow, sync::Arc};

use sqlx::error::DatabaseError;

use super::cause::{Cause, in_words};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the store. `Display` leaves the source out: the chain is logged once, at the boundary.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Transient: the database is unreachable, starting or stopping, or has no connection free. Retry.
    #[error("the database is not available")]
    Unavailable(#[source] Source),
    /// The configured URL is invalid.
    #[error("the database URL is not usable: {0}")]
    Url(String),
    /// A database file is accessible to others.
    #[error("{0}")]
    NotPrivate(String),
    /// A file of a back-up or a restore is invalid.
    #[error("{0}")]
    File(String),
    /// The database may lose acknowledged writes.
    #[error(
        "the database may lose what it has acknowledged: turn on {0}, or, if its storage keeps it all the same, name its host in \
         COUNTERSIGN_FSYNC_OFF_AT"
    )]
    NotDurable(String),
    /// The database, or a proxy before it, lacks something that the service needs.
    #[error("{0}")]
    Unfit(String),
    /// The schema is older than this program.
    #[error("the schema is at version {found} and must be at {wanted}: run `countersign migrate`")]
    SchemaOutdated {
        /// The version that was found.
        found: i64,
        /// The version that this program needs.
        wanted: i64,
    },
    /// Tables are missing that were there at the start.
    #[error("tables are missing: was the database made anew? run `countersign migrate`")]
    SchemaMissing(#[source] Source),
    /// A migration failed; the schema is unchanged.
    #[error("a migration failed")]
    Migration(#[source] Source),
    /// A row holds a value that this program cannot have written.
    #[error("a stored value cannot be read: {0}")]
    Corrupt(&'static str),
    /// A statement failed for another reason: a bug.
    #[error("a statement failed")]
    Statement(#[source] Source),
}

impl Error {
    /// The store operation that failed, if it was one.
    pub fn operation(&self) -> Option<&'static str> {
        let source = std::error::Error::source(self)?;
        source.downcast_ref::<During>().map(|during| during.operation)
    }

    /// The database's error code: Postgres's SQLSTATE (its appendix A), SQLite's result code.
    pub fn sqlstate(&self) -> Option<Cow<'_, str>> {
        self.of_database()?.code()
    }

    /// Whether a row has the same unique key as another one.
    pub(super) fn is_of_a_taken_key(&self) -> bool {
        self.of_database().is_some_and(|answer| answer.is_unique_violation())
    }

    /// The same error, with its operation.
    pub(super) fn during(self, operation: &'static str) -> Self {
        let during = |cause| Source::from(During { operation, cause });
        match self {
            Self::Unavailable(cause) => Self::Unavailable(during(cause)),
            Self::SchemaMissing(cause) => Self::SchemaMissing(during(cause)),
            Self::Statement(cause) => Self::Statement(during(cause)),
            // The texts of these already name their origin.
            Self::Url(_)
            | Self::NotPrivate(_)
            | Self::File(_)
            | Self::NotDurable(_)
            | Self::Unfit(_)
            | Self::SchemaOutdated { .. }
            | Self::Migration(_)
            | Self::Corrupt(_) => self,
        }
    }

    /// The cause, without the operation.
    pub(super) fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = std::error::Error::source(self)?;
        let behind = source.downcast_ref::<During>().map(|during| {
            let cause: &(dyn std::error::Error + 'static) = &*during.cause;
            cause
        });
        let cause = behind.unwrap_or(source);
        // Writes in a group commit share its error.
        cause.downcast_ref::<Arc<Self>>().map_or(Some(cause), |shared| shared.cause())
    }

    /// The driver's error behind it, if there is one.
    pub(super) fn of_sqlx(&self) -> Option<&sqlx::Error> {
        self.cause()?.downcast_ref::<Cause>().map(|cause| &cause.0)
    }

    /// The database's own answer behind it, if there is one.
    pub(super) fn of_database(&self) -> Option<&dyn DatabaseError> {
        self.of_sqlx()?.as_database_error()
    }

    /// Whether the database aborted it in favour of another transaction. Postgres: serialization failure, deadlock, lock
    /// timeout. SQLite: BUSY, LOCKED.
    pub(super) fn lost_a_race(&self) -> bool {
        let Some(code) = self.sqlstate() else { return false };
        match code.parse::<u32>() {
            Ok(result_code) if code.len() < 5 => matches!(result_code & 0xff, 5 | 6),
            _ => matches!(&*code, "40001" | "40P01" | "55P03"),
        }
    }
}

/// The cause of an error, with its operation. It has no source: its text includes that.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {}", in_words(&**cause))]
struct During {
    operation: &'static str,
    cause: Source,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if error.as_database_error().is_some_and(is_without_tables) {
            return Self::SchemaMissing(Cause(error).into());
        }
        let away = match error.as_database_error() {
            Some(error) => is_away(error),
            None => matches!(
                error,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            ),
        };
        let cause = Cause(error);
        if away { Self::Unavailable(cause.into()) } else { Self::Statement(cause.into()) }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        if let sqlx::migrate::MigrateError::Execute(error) = error {
            return error.into();
        }
        Self::Migration(error.into())
    }
}

/// Whether Postgres knows no table (42P01), schema (3F000) or column (42703) of that name: the statements are ours, so the
/// database was recreated, or is an old one.
fn is_without_tables(error: &dyn DatabaseError) -> bool {
    matches!(error.code().as_deref(), Some("42P01" | "3F000" | "42703"))
}

/// Whether the database is temporarily unavailable. Postgres, by SQLSTATE: connection lost (08), login refused (28), no
/// such database (3D), out of resources (53), not accepting connections (55000), shutting down or cancelled (57), read-only
/// after a fail-over (25006), a transaction that idled or ran too long (25P03, 25P04), lock timeout (55P03), a transaction
/// that lost against others again and again (40001, 40P01). SQLite, by result code: BUSY, LOCKED, READONLY, IOERR, FULL,
/// CANTOPEN.
fn is_away(error: &dyn DatabaseError) -> bool {
    const CLASSES: [&str; 5] = ["08", "28", "3D", "53", "57"];
    let Some(code) = error.code() else {
        return false;
    };
    match code.parse::<u32>() {
        Ok(result_code) if code.len() < 5 => matches!(result_code & 0xff, 5 | 6 | 8 | 10 | 13 | 14),
        _ => {
            matches!(&*code, "25006" | "25P03" | "25P04" | "40001" | "40P01" | "55000" | "55P03")
                || CLASSES.iter().any(|class| code.starts_with(class))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// On SQLite: a full disk, a lock, a file that was moved.
    #[test]
    fn what_ended_a_commit_is_told_to_each_write_that_shared_it() {
        let full = sqlx::Error::Io(io::ErrorKind::StorageFull.into());
        let shared = Arc::new(Error::from(full));
        for _write in 0..2 {
            let of_one = Error::Unavailable(Arc::clone(&shared).into()).during("user_create");
            let text = std::error::Error::source(&of_one).unwrap().to_string();
            assert!(text.starts_with("user_create: ") && text.contains("storage"), "{text}");
            assert!(matches!(of_one.of_sqlx(), Some(sqlx::Error::Io(_))), "{of_one:?}");
            assert_eq!(of_one.operation(), Some("user_create"));
        }
    }
}
