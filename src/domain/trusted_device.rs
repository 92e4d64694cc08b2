//! Trusted devices: their logins need no second factor for a while (ADR 54).

use std::net::IpAddr;

use uuid::Uuid;

use super::Timestamp;

/// The most trusted devices of an account; one more ends the oldest.
pub const MOST_TRUSTED_DEVICES: u32 = 20;

/// A trusted device, as its owner may recognise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedDevice {
    /// The id of the trust, not of the device: a device that is trusted anew gets another one.
    pub id: Uuid,
    /// What its user calls it; may be empty.
    pub device_name: String,
    /// The client address at the time, if that was known.
    pub address: Option<IpAddr>,
    /// When it became trusted.
    pub created_at: Timestamp,
    /// Until when it is.
    pub expires_at: Timestamp,
}
