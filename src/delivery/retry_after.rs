//! How long a receiver asks us to wait (RFC 9110, section 10.2.3).

use std::time::Duration;

use crate::domain::Timestamp;

/// Upper bound of a `Retry-After`. A service that asks for a year is mistaken.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The pause of the header `Retry-After`: a number of seconds, or a date. At most an hour.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let wait = match text.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_no_number) => {
            let date = httpdate::parse_http_date(text.trim()).ok()?;
            date.duration_since(now.into()).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_in_both_forms_and_is_not_endless() {
        // 2027-01-15 08:00:00.
        let now = Timestamp::from_unix_micros(1_800_000_000_000_000);
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Fri, 15 Jan 2027 08:01:30 GMT", Some(90)),
            ("Fri, 15 Jan 2027 07:00:00 GMT", Some(0)),
            ("31536000", Some(3600)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
