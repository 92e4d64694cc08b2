//! How long a document may be used (RFC 9111, section 5.2.2).

use std::time::Duration;

use http::{HeaderMap, header::CACHE_CONTROL};

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the server does not say it: what SPIFFE suggests for bundles.
const DEFAULT: Duration = Duration::from_secs(5 * 60);

/// The time of `cache-control`, within bounds: a key that is withdrawn must not be believed for a year, and a server is not
/// asked for each call.
pub(super) fn of(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = values.flat_map(|value| value.split(',')).map(str::trim);
    let mut age = DEFAULT;
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return SHORTEST,
            "max-age" => {
                let seconds = value.trim_matches('"').parse().ok();
                age = seconds.map_or(age, Duration::from_secs);
            }
            _ => {}
        }
    }
    age.clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_counts_within_bounds() {
        for (value, seconds) in [
            ("max-age=600", 600),
            ("public, Max-Age=\"3600\", must-revalidate", 3600),
            ("max-age=0", 60),
            ("max-age=31536000", 86_400),
            ("max-age=99999999999999999999", 300),
            ("max-age=soon", 300),
            ("s-maxage=600", 300),
            ("no-cache", 60),
            ("max-age=600, no-store", 60),
            ("", 300),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, value.parse().unwrap())]);
            assert_eq!(of(&headers), Duration::from_secs(seconds), "{value}");
        }
        assert_eq!(of(&HeaderMap::new()), DEFAULT);
    }
}
