//! The service as its callers see it: a real server on a free port, a real database each, a real socket between.
//!
//! `harness` starts and ends everything. The other modules are laid out like the service's behaviour.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on must fail")]
#![expect(unreachable_pub, reason = "nobody uses a test from outside")]

mod access;
mod account;
mod admin;
mod assertions;
mod audit;
mod backup;
mod callers;
mod cancellation;
mod clocks;
mod connections;
mod contract;
mod database_setup;
mod delivery;
mod engine;
mod errors;
mod events;
mod factors;
mod failing_statements;
mod failover;
mod faults;
mod forwarded;
mod gateway;
mod guesses;
mod harness;
mod health;
mod http;
mod introspect_token;
mod janitor;
mod json_log;
mod keys;
mod keys_command;
mod leaked_keys;
mod limits;
mod login;
mod logout;
mod mailbox;
mod manage_command;
mod master_key;
mod names;
mod no_secrets;
mod oauth;
mod openapi;
mod pile_up;
mod place;
mod private_files;
mod process;
mod races;
mod reflection;
mod refresh_token;
mod register;
mod rehash;
mod request_id;
mod resend_code;
mod round_trips;
mod seed;
mod service_accounts;
mod session_limit;
mod shutdown;
mod signing;
mod sizes;
mod sqlite_files;
mod store;
mod throttle;
mod tls;
mod transfer;
mod user_command;
mod verdicts;
mod verifier;
mod verifier_services;
mod verify_2fa;
mod watch_revocations;
