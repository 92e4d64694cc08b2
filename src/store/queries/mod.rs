//! The statements, in the SQL that Postgres and SQLite share.
//!
//! This folder is compiled twice: `super` is `postgres` in one and `sqlite` in the other, and what differs between
//! them stays there. Its `Backend` has two doors. `read(operation, args, body)` is for statements that only read, each by itself (SQLite's
//! readers have no guard against a transaction that was left open). `write(operation, args, body)` runs
//! all of a body or nothing, and to its end even if the caller goes away (ADR 5); on SQLite, those that wait share a
//! commit (ADR 18). Both give up on a database that says nothing, judge the connection by its answer, and count how long it took by
//! the operation's name (ADR 28). Nothing here may read or write in any other way.

// First: what is below it uses its macros.
#[macro_use]
mod rules;

mod account_state;
mod challenge_row;
mod challenges;
mod claims;
mod completion;
mod email_keys;
mod events;
mod factors;
mod housekeeping;
mod mailbox;
mod outbox;
mod passwords;
mod reset;
mod restored;
mod revocations;
mod rotation;
mod schema;
mod sealed;
mod session_row;
mod sessions;
mod signing_keys;
mod throttles;
mod totp;
mod users;
mod void_codes;

use super::{Backend, Connection};
