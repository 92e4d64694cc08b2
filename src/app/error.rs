//! Why the service does not start.

use std::io;

use crate::{
    listen::{Address, tls},
    password, service, store,
};

/// Why the service does not start, or ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener's address is in use, or not ours.
    #[error("cannot listen on {0}")]
    Listen(Address, #[source] io::Error),
    /// A certificate, its key or the authorities of clients can't be used.
    #[error("cannot use TLS")]
    Tls(#[source] tls::Problem),
    /// The rules for requests to other services can't be used.
    #[error("cannot use the rules of COUNTERSIGN_AUTHZ_RULES: {0}")]
    Rules(String),
    /// The master key of the development profile is not available.
    #[error("cannot load the master key")]
    MasterKey(#[source] io::Error),
    /// The digest key is not available.
    #[error("cannot load the digest key")]
    DigestKey(#[from] service::DigestKeyError),
    /// The database is not usable.
    #[error("cannot use the database")]
    Store(#[from] store::Error),
    /// The signing key is not available.
    #[error("cannot load the signing key")]
    SigningKey(#[from] service::SigningKeyError),
    /// The TLS client that fetches the keys of others is not available.
    #[error("cannot fetch the keys of others")]
    Fetcher(#[source] rustls::Error),
    /// The list of breached passwords can't be used.
    #[error("cannot use the file of COUNTERSIGN_BREACHED_PASSWORDS: it {0}")]
    Breached(password::breached::OpenError),
    /// The system has no threads for hashing.
    #[error("cannot start the hashing threads")]
    Threads(#[source] io::Error),
    /// The descriptor set is broken.
    #[error("cannot serve reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The gRPC server ended.
    #[error("the gRPC server failed")]
    Grpc(#[from] tonic::transport::Error),
}
