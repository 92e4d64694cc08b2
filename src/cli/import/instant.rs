//! The times of other systems, as RFC 3339.

use std::fmt;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::domain::Timestamp;

/// A point in time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(OffsetDateTime);

impl Instant {
    /// The time now.
    pub(crate) fn now() -> Self {
        Self(OffsetDateTime::now_utc())
    }

    /// A time of RFC 3339, or as Postgres writes it: `2026-01-31 12:00:00.123+00`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| postgres(text))?;
        let utc = parsed.checked_to_offset(time::UtcOffset::UTC)?;
        // RFC 3339 has four digits for the year.
        (0..=9999).contains(&utc.year()).then_some(Self(utc))
    }

    /// Milliseconds since 1970, as Firebase and Keycloak write times: a number, or its text.
    pub(crate) fn from_millis(text: &str) -> Option<Self> {
        let nanos = i128::from(text.parse::<i64>().ok()?) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .ok()
            .filter(|time| time.year() >= 0)
            .map(Self)
    }
}

impl From<Instant> for Timestamp {
    fn from(instant: Instant) -> Self {
        let micros = instant.0.unix_timestamp_nanos().div_euclid(1000);
        // In four digits of years, it always fits.
        Self::from_unix_micros(i64::try_from(micros).unwrap_or_default())
    }
}

impl From<Timestamp> for Instant {
    fn from(time: Timestamp) -> Self {
        let nanos = i128::from(time.unix_micros()) * 1000;
        Self(OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }
}

fn postgres(text: &str) -> Option<OffsetDateTime> {
    let (date, rest) = text.split_once(' ')?;
    // The sign of the offset stands behind the time.
    let sign = rest.rfind(['+', '-'])?;
    let (clock, offset) = rest.split_at(sign);
    let minutes = if offset.len() == 3 { ":00" } else { "" };
    OffsetDateTime::parse(&format!("{date}T{clock}{offset}{minutes}"), &Rfc3339).ok()
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_that_systems_write() {
        for (text, time) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T13:00:00.5+01:00", "2026-01-31T12:00:00.5Z"),
            ("2026-01-31 12:00:00.123456+00", "2026-01-31T12:00:00.123456Z"),
            ("2026-01-31 17:30:00+05:30", "2026-01-31T12:00:00Z"),
            ("2026-01-31 07:00:00-05", "2026-01-31T12:00:00Z"),
        ] {
            assert_eq!(Instant::parse(text).unwrap().to_string(), time, "{text}");
        }
        for text in ["", "yesterday", "2026-01-31", "2026-13-01T00:00:00Z", "infinity"] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
        let time = Instant::from_millis("1486324170000").unwrap();
        assert_eq!(time.to_string(), "2017-02-05T19:49:30Z");
        assert_eq!(Instant::from_millis("9223372036854775807"), None);
    }
}
