//! Decides by an error whether its connection, and others, can be reused.

use std::io;

use super::connector::ReadOnly;
use crate::store::Error;

/// The consequence of an error for its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Reusable: the statement was at fault.
    Keep,
    /// Broken; nothing is known of the others.
    Discard,
    /// Broken, and so are those of the same age: the server went away, or takes no writes any more (fail-over).
    DiscardAll,
}

impl Verdict {
    /// Judges by the SQLSTATE (Postgres, appendix A) or by the socket's error.
    pub(super) fn of(error: &sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(error) => Self::of_code(&error.code().unwrap_or_default()),
            None if matches!(error, sqlx::Error::Io(_) | sqlx::Error::Tls(_)) => Self::DiscardAll,
            // A protocol error of this connection alone.
            None if matches!(error, sqlx::Error::Protocol(_)) => Self::Discard,
            None => Self::Keep,
        }
    }

    fn of_code(code: &str) -> Self {
        match code {
            // Read-only after a fail-over; shut down, crashed, starting, database dropped; and the connection itself (08).
            "25006" | "57P01" | "57P02" | "57P03" | "57P04" => Self::DiscardAll,
            _ if code.starts_with("08") => Self::DiscardAll,
            // The server closed a session that took too long. Or a prepared statement is missing or outdated: a pooler
            // exchanged the server, or a column has another type.
            "25P03" | "25P04" | "57P05" | "26000" | "42P05" | "0A000" => Self::Discard,
            _ => Self::Keep,
        }
    }

    /// Like `of`, for an error of the store.
    pub(super) fn of_store(error: &Error) -> Self {
        if error.cause().is_some_and(|cause| cause.is::<ReadOnly>()) {
            return Self::DiscardAll;
        }
        error.of_sqlx().map_or(Self::Keep, Self::of)
    }
}

/// Whether the server refuses one more connection: of the role, of the database, at all (53300), or the pooler before it
/// (PgBouncer says so in its text alone, with 08P01).
pub(super) fn too_many_connections(error: &Error) -> bool {
    error.of_database().is_some_and(|error| {
        error.code().as_deref() == Some("53300")
            || error.message().contains("no more connections allowed")
    })
}

/// Whether a refused connection is a permanent error: credentials, database, or protocol.
pub(super) fn refused_for_good(error: &Error) -> bool {
    let by_the_server = error.sqlstate().is_some_and(|code| {
        code == "55000" || ["28", "3D", "42"].iter().any(|class| code.starts_with(class))
    });
    let before_that = match error.of_sqlx() {
        Some(sqlx::Error::Configuration(_) | sqlx::Error::Tls(_)) => true,
        // An unreadable TLS file, unlike a socket that is missing while the server is down.
        Some(sqlx::Error::Io(error)) => error.kind() == io::ErrorKind::PermissionDenied,
        Some(_) | None => false,
    };
    by_the_server || before_that
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_answers_decides_what_leaves_the_pool() {
        for (code, verdict) in [
            ("25006", Verdict::DiscardAll),
            ("57P01", Verdict::DiscardAll),
            ("57P02", Verdict::DiscardAll),
            ("57P03", Verdict::DiscardAll),
            ("08006", Verdict::DiscardAll),
            ("08P01", Verdict::DiscardAll),
            ("57P05", Verdict::Discard),
            ("25P04", Verdict::Discard),
            ("26000", Verdict::Discard),
            // A statement that timed out or lost against another leaves its connection as it was.
            ("57014", Verdict::Keep),
            ("40001", Verdict::Keep),
            ("23505", Verdict::Keep),
            ("53100", Verdict::Keep),
        ] {
            assert_eq!(Verdict::of_code(code), verdict, "{code}");
        }
        let cut = sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(Verdict::of(&cut), Verdict::DiscardAll);
        assert_eq!(Verdict::of(&sqlx::Error::RowNotFound), Verdict::Keep);
    }
}
