//! Values that are no settings, but differ in tests.

use std::time::Duration;

use crate::{
    grpc, http,
    log_filter::LogFilter,
    service::{Clock, KEYS_RELOAD_EVERY, RevocationPace},
};

/// Differences between a server in production and one in a test.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The clock.
    pub clock: Clock,
    /// The filter of the log.
    pub log_filter: LogFilter,
    /// The settings, for `/debug`: no secret is in them.
    pub settings: serde_json::Value,
    /// Limits for one caller of gRPC.
    pub limits: grpc::Limits,
    /// Limits for one caller of HTTP.
    pub http_limits: http::Limits,
    /// Whether loopback gets no more connections than any other source.
    pub limit_loopback: bool,
    /// How often readiness is checked.
    pub check_every: Duration,
    /// Poll interval of the outbox: for messages of other replicas, and of before a restart.
    pub deliver_every: Duration,
    /// How often the lease of a slow message is renewed; then the message also gives up its place.
    pub renew_message_every: Duration,
    /// How often the signing keys are reloaded.
    pub reload_keys_every: Duration,
    /// How often the files of certificates and rules are looked at; a change counts from the second look on.
    pub look_at_files_every: Duration,
    /// How often expired rows are deleted.
    pub clean_every: Duration,
    /// The poll interval of revocations, and the heartbeat interval of their streams.
    pub revocations: RevocationPace,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            log_filter: LogFilter::default(),
            settings: serde_json::Value::Null,
            limits: grpc::Limits::default(),
            http_limits: http::Limits::default(),
            limit_loopback: false,
            check_every: Duration::from_secs(2),
            deliver_every: Duration::from_secs(1),
            renew_message_every: Duration::from_secs(5),
            reload_keys_every: KEYS_RELOAD_EVERY,
            look_at_files_every: Duration::from_millis(250),
            clean_every: Duration::from_secs(60),
            revocations: RevocationPace::default(),
        }
    }
}
