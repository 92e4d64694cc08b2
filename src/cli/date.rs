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

/// The last microsecond of the year 9999: RFC 3339 has four digits for a year.
const LAST: Timestamp = Timestamp::from_unix_micros(253_402_300_799_999_999);

/// Clamps: humantime has no text for times before 1970, and panics for those after the year 9999.
fn text(format: fn(SystemTime) -> Rfc3339Timestamp, time: Timestamp) -> String {
    format(time.clamp(Timestamp::from_unix_micros(0), LAST).into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_text() {
        for (micros, text) in [
            (i64::MIN, "1970-01-01T00:00:00Z"),
            (1_800_000_000_000_000, "2027-01-15T08:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(seconds(Timestamp::from_unix_micros(micros)), text);
        }
        assert_eq!(micros(Timestamp::from_unix_micros(i64::MAX)), "9999-12-31T23:59:59.999999Z");
    }
}
