//! What is no setting, and yet not the same in a test.

use std::time::Duration;

use crate::{
    grpc, http,
    service::{Clock, KEYS_RELOAD_EVERY, RevocationPace},
};

/// What differs between a server in production and one in a test.
#[derive(Debug, Clone)]
pub struct Environment {
    /// What time it is.
    pub clock: Clock,
    /// How much one caller of gRPC may take.
    pub limits: grpc::Limits,
    /// How much one caller of HTTP may take.
    pub http_limits: http::Limits,
    /// Whether this machine may have no more connections than any other source.
    pub limit_loopback: bool,
    /// How often readiness is checked.
    pub check_every: Duration,
    /// Poll interval of the outbox: for messages of other replicas, and of before a restart.
    pub deliver_every: Duration,
    /// How often the lease of a message that takes long to send is renewed; then it also gives its place to another one.
    pub renew_message_every: Duration,
    /// How often the signing keys are loaded anew.
    pub reload_keys_every: Duration,
    /// How often what has ended is removed.
    pub clean_every: Duration,
    /// How often revocations are looked for, and streams of them say that they live.
    pub revocations: RevocationPace,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            limits: grpc::Limits::default(),
            http_limits: http::Limits::default(),
            limit_loopback: false,
            check_every: Duration::from_secs(2),
            deliver_every: Duration::from_secs(1),
            renew_message_every: Duration::from_secs(5),
            reload_keys_every: KEYS_RELOAD_EVERY,
            clean_every: Duration::from_secs(60),
            revocations: RevocationPace::default(),
        }
    }
}
