//! Who asks, and until when they wait.

use std::{net::IpAddr, time::Instant};

/// The caller of a use case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Where the call comes from, if that is known: the connection's other end, or whom a trusted proxy forwards for.
    pub address: Option<IpAddr>,
    /// Nobody wants an answer after that.
    pub deadline: Instant,
}
