//! Who asks, and until when they wait.

use std::{net::IpAddr, time::Instant};

/// The caller of a use case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The address of the connection's other end, where there is one.
    pub address: Option<IpAddr>,
    /// Nobody wants an answer after that.
    pub deadline: Instant,
}
