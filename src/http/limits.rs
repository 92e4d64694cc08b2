//! The limits of the HTTP server.

use std::time::Duration;

/// How much one caller may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time. One source has a quarter of them at the most.
    pub max_connections: usize,
    /// How long a caller may take to begin its first request, and from the first byte of any to the end of its head.
    pub head_deadline: Duration,
    /// How long an answer may take to be made, and taken.
    pub answer_deadline: Duration,
    /// How long a connection may wait for its next request. Proxies that keep theirs for less (60 s are common) never send into
    /// one that is just being closed.
    pub keep_alive: Duration,
    /// After this long the next answer is a connection's last, and says so: callers spread over new replicas.
    pub max_age: Duration,
}

impl Default for Limits {
    /// Probes, Prometheus and verifiers: a few at a time.
    fn default() -> Self {
        Self {
            max_connections: 256,
            head_deadline: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            max_age: Duration::from_secs(30 * 60),
        }
    }
}
