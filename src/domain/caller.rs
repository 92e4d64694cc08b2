//! Who asks, and until when they wait.

use std::{net::IpAddr, time::Instant};

/// The caller of a use case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Where the call comes from: the connection's other end, or whom a trusted proxy forwards for. Nothing where a proxy does
    /// not say that: all those callers are one source, with the limits of one.
    pub address: Option<IpAddr>,
    /// Nobody wants an answer after that.
    pub deadline: Instant,
}
