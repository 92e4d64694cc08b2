//! How long things may take.

use std::time::Duration;

/// How long a statement waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The longest that a read may take, all its statements together. Postgres ends each after ten seconds by itself.
pub(super) const READ_DEADLINE: Duration = Duration::from_secs(12);

/// The longest that a write may take, retries included. Statements have a shorter limit of their own on the server.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(20);
