//! The claims of an assertion (RFC 7523, section 3).

use std::time::Duration;

use serde::Deserialize;

use super::refused::AssertionRefused;
use crate::domain::Timestamp;

/// How far the clocks of others may be off.
pub const SKEW: Duration = Duration::from_secs(60);

/// The claims that are read. Claims that are given twice are refused by the derived reader.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    pub(super) sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<NumericDate>,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    pub(super) jti: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Seconds since 1970, also with a fraction, as MSAL writes it (RFC 7519, section 2).
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct NumericDate(Timestamp);

impl TryFrom<f64> for NumericDate {
    type Error = std::time::TryFromFloatSecsError;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        let after = Duration::try_from_secs_f64(seconds)?;
        Ok(Self(Timestamp::from_unix_micros(0).plus(after)))
    }
}

impl Claims {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, AssertionRefused> {
        serde_json::from_slice(payload).map_err(|_malformed| AssertionRefused::Claims)
    }

    pub(super) fn check_audience(&self, expected: &[String]) -> Result<(), AssertionRefused> {
        let named = match &self.aud {
            None => false,
            Some(Audience::One(name)) => expected.contains(name),
            Some(Audience::Several(names)) => names.iter().any(|name| expected.contains(name)),
        };
        if named { Ok(()) } else { Err(AssertionRefused::Audience(expected.to_vec())) }
    }

    /// Checks the times, and returns `exp`.
    pub(super) fn check_times(
        &self,
        now: Timestamp,
        longest: Duration,
    ) -> Result<Timestamp, AssertionRefused> {
        let NumericDate(expiry) = self.exp.ok_or(AssertionRefused::NoExpiry)?;
        if now >= expiry.plus(SKEW) {
            return Err(AssertionRefused::Expired(now.since(expiry)));
        }
        if expiry > now.plus(longest).plus(SKEW) {
            return Err(AssertionRefused::TooLongLived { ahead: expiry.since(now), longest });
        }
        let ahead = |date: Option<NumericDate>| date.filter(|date| date.0 > now.plus(SKEW));
        if let Some(NumericDate(begin)) = ahead(self.nbf) {
            return Err(AssertionRefused::NotYet(begin.since(now)));
        }
        if let Some(NumericDate(issued)) = ahead(self.iat) {
            return Err(AssertionRefused::FromTheFuture(issued.since(now)));
        }
        Ok(expiry)
    }

    pub(super) fn issued_at(&self) -> Option<Timestamp> {
        self.iat.map(|date| date.0)
    }
}
