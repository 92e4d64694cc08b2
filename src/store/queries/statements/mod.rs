//! Statements, a topic each, that run behind the doors, on the given connection. Text shared by several is a macro, which
//! its file exports by `pub(super) use`.

pub(super) mod account_state;
mod administrators;
pub(super) mod beginning;
pub(in crate::store) mod challenge_row;
pub(in crate::store) mod challenges;
pub(super) mod claims;
pub(super) mod completion;
pub(super) mod deletions;
pub(super) mod email_changes;
pub(super) mod email_keys;
pub(super) mod event_log;
pub(super) mod events;
pub(super) mod export;
pub(super) mod factors;
mod guard;
pub(super) mod housekeeping;
pub(super) mod import;
pub(super) mod mailbox;
mod managed_user_row;
pub(super) mod managed_users;
mod new_device;
pub(in crate::store) mod outbox;
pub(super) mod passkey_proof;
pub(super) mod passkeys;
pub(super) mod passwords;
pub(super) mod pending_users;
pub(super) mod personal_data;
pub(in crate::store) mod reauthentication;
pub(in crate::store) mod refresh;
pub(super) mod registration;
pub(super) mod reset;
pub(super) mod restored;
pub(super) mod retries;
pub(super) mod revocations;
pub(in crate::store) mod rules;
pub(super) mod schema;
pub(super) mod sealed;
mod service_account_row;
pub(super) mod service_accounts;
pub(super) mod service_keys;
pub(in crate::store) mod session_row;
pub(in crate::store) mod sessions;
pub(super) mod signing_keys;
pub(super) mod subscriptions;
pub(super) mod throttles;
pub(super) mod totp;
mod trust_row;
pub(super) mod trusted_devices;
pub(super) mod undo_codes;
pub(super) mod used_assertions;
mod user_address;
pub(super) mod user_change;
pub(super) mod user_creation;
mod user_credentials;
mod user_effect;
mod user_roles;
pub(super) mod user_scan;
pub(super) mod user_sessions;
mod user_update;
pub(super) mod usernames;
pub(in crate::store) mod users;
mod void_codes;
pub(super) mod workloads;

use super::{Backend, Connection};

type Database = <Connection as sqlx::Connection>::Database;

/// A statement with its parameters.
type Query<'q> = sqlx::query::Query<'q, Database, <Database as sqlx::Database>::Arguments>;
