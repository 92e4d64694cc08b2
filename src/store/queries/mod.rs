//! Implementations of the store's traits, a topic each, and the statements in the SQL that Postgres and SQLite share.
//!
//! A method here opens one door under its name; the statements behind it are in `statements/`, as a rule in the file of the
//! same topic. There a topic may use others'. Nothing there leads back to a door, and no circle from file to file
//! (`tests/layering/` checks).
//!
//! This folder is compiled twice: `super` is `postgres` in one and `sqlite` in the other, and their differences stay there.
//! Its `Backend` has three doors. `read(operation, args, body)` is for statements that only read, each by itself (SQLite's
//! readers have no guard against a transaction that was left open). `write(operation, args, body)` runs all of a body or
//! nothing, and to its end even if the caller goes away (ADR 5); on SQLite, queued writes share a commit (ADR 18).
//! `write_at_once` is the same, on Postgres in one statement of `at_once` where that does it (ADR 40). All have a deadline,
//! judge the connection by its answer, and measure by the operation's name (ADR 28). Nothing here may read or write in any
//! other way.

mod challenges;
mod deletions;
mod email_changes;
mod email_keys;
mod event_log;
mod events;
mod factors;
mod housekeeping;
mod mailbox;
mod managed_users;
mod outbox;
mod passkeys;
mod passwords;
mod pending_users;
mod personal_data;
mod retries;
mod revocations;
mod schema;
mod sealed;
mod service_accounts;
mod sessions;
mod signing_keys;
pub(super) mod statements;
mod subscriptions;
mod throttles;
mod transfer;
mod trusted_devices;
mod users;

use super::{Backend, Connection, at_once};
