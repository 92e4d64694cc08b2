//! Timestamps in UTC (RFC 3339).

use std::time::SystemTime;

use humantime::Rfc3339Timestamp;

use crate::domain::Timestamp;

/// To the second.
pub(super) fn seconds(time: Timestamp) -> String {
    text(humantime::format_rfc3339_seconds, time)
}

/// To the microsecond.
pub(super) fn micros(time: Timestamp) -> String {
    text(humantime::format_rfc3339_micros, time)
}

/// Clamps: humantime has no text for times before 1970.
fn text(format: fn(SystemTime) -> Rfc3339Timestamp, time: Timestamp) -> String {
    format(time.max(Timestamp::from_unix_micros(0)).into()).to_string()
}
