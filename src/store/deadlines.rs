//! Timeouts and deadlines of the store.

use std::time::Duration;

/// Connection pool timeout.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The deadline of a read, all its statements together. Postgres ends each after ten seconds by itself.
pub(super) const READ_DEADLINE: Duration = Duration::from_secs(12);

/// The deadline of a write, retries included. The server has a shorter limit on single statements.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(20);
