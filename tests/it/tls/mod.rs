//! TLS and Unix sockets as clients see them.

mod authority;
mod client;
mod clients;
mod healthcheck;
mod process;
mod refused;
mod renewal;
mod resumption;
mod server;
mod unix;
mod versions;
mod writing;
