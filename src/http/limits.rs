//! The limits of the HTTP server.

use std::time::Duration;

/// Limits for one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time. One source has a quarter of them at the most.
    pub max_connections: usize,
    /// The timeout of the first byte of the first request, and of each head from its first byte.
    pub head_deadline: Duration,
    /// The timeout of making and reading an answer.
    pub answer_deadline: Duration,
    /// The timeout of an idle connection. Proxies that close theirs earlier (60 s are common) never send into one that
    /// is being closed (race).
    pub keep_alive: Duration,
    /// The age at which the next answer closes a connection: callers spread over new replicas.
    pub max_age: Duration,
    /// How much longer its last stream may go on: as long as the longest of them lasts. Then the connection is closed, also
    /// if its caller does not read the stream. The server sets this from the configuration.
    pub max_stream_age: Duration,
}

impl Limits {
    /// The longest that a connection may last.
    pub(super) fn longest(&self) -> Duration {
        // The last stream may be asked for by a request that comes after a pause.
        let last_request = self.keep_alive + self.head_deadline;
        self.max_age + last_request + self.max_stream_age + self.answer_deadline
    }
}

impl Default for Limits {
    /// As many connections as gRPC has: browsers and clients that speak JSON come here, beside probes and verifiers.
    fn default() -> Self {
        Self {
            max_connections: 4096,
            head_deadline: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            max_age: Duration::from_secs(30 * 60),
            max_stream_age: Duration::from_secs(33 * 60),
        }
    }
}
