//! TLS and Unix sockets as clients see them.

pub mod authority;
pub mod client;
mod clients;
mod healthcheck;
mod one_address;
mod process;
mod refused;
mod renewal;
mod resumption;
pub mod server;
mod unix;
mod versions;
mod writing;
