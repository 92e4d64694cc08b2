//! Time-based one-time passwords (RFC 6238), as authenticator apps show them: SHA-1, six digits, steps of 30 seconds.

use std::fmt;

use rand::{CryptoRng, RngExt as _};
use totp_rs::{Builder, Secret, TotpError};
use zeroize::Zeroizing;

use super::{CLOCK_SKEW, InvalidField, OneTimeCode, Timestamp};

/// 160 bits, as RFC 4226 (section 4, R6) recommends.
const SECRET_BYTES: usize = 20;

/// Other systems give apps secrets of 80 bits and more; a longer one than a block of the hash adds nothing (RFC 2104, section 3).
const IMPORTED_BYTES: std::ops::RangeInclusive<usize> = 10..=64;

/// Accepted clock skew in steps, either way (RFC 6238, section 5.2).
const SKEW: u16 = 1;

/// Length of a step (RFC 6238, section 5.2).
const STEP_SECONDS: i64 = 30;

/// Upper bound of the steps by which an accepted step may be ahead of one that is right now: by clocks as far apart as
/// allowed, one app a step ahead and the other one behind.
pub const MOST_STEPS_AHEAD: i64 = 6;

const _: () = assert!(
    MOST_STEPS_AHEAD.unsigned_abs()
        == CLOCK_SKEW.as_secs() / STEP_SECONDS.unsigned_abs() + 2 * SKEW as u64
);

/// The last time step of which a code may have been accepted by now: by a clock as far ahead as allowed.
pub fn last_step_at(now: Timestamp) -> i64 {
    now.unix_seconds() / STEP_SECONDS + i64::from(SKEW)
}

/// The secret shared by a service and an app. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// Generates a secret.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Zeroizing::new(rng.random::<[u8; SECRET_BYTES]>().to_vec()))
    }

    /// The secret of these bytes; `None` unless there are 10 to 64.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        IMPORTED_BYTES.contains(&bytes.len()).then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The secret of an app that another system has enrolled, in base32 (RFC 4648, section 6), with or without spaces and padding.
    ///
    /// # Errors
    /// Another alphabet, and less than 10 bytes or more than 64.
    pub fn parse(base32: &str) -> Result<Self, InvalidField> {
        let bad = || InvalidField::new("totp_secret", "must be base32 of 10 to 64 bytes");
        let is_text = |c: &char| !matches!(c, ' ' | '-' | '=');
        let text: Zeroizing<String> = Zeroizing::new(
            base32.chars().take(256).filter(is_text).map(|c| c.to_ascii_uppercase()).collect(),
        );
        let secret = Secret::try_from_base32(text.as_str()).map_err(|_alphabet| bad())?;
        Self::from_bytes(secret.as_ref()).ok_or_else(bad)
    }

    /// Its bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret in base32, to type in.
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(Secret::from(self.expose().to_vec()).to_base32())
    }

    /// The Key URI that apps read from a QR code.
    ///
    /// # Errors
    /// The library's own: an issuer with a colon in it.
    pub fn uri(&self, issuer: &str, account: &str) -> Result<Zeroizing<String>, TotpError> {
        let builder = self.builder().with_account_name(account);
        let totp = builder.with_issuer((!issuer.is_empty()).then_some(issuer)).build()?;
        Ok(Zeroizing::new(totp.to_url()?))
    }

    /// The time step of `code`, if the code is valid at `now`. The store checks that the step has not been used before
    /// (replay).
    pub fn step_of(&self, code: &OneTimeCode, now: Timestamp) -> Option<i64> {
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
        // Not `build`: it refuses secrets under 128 bits, which apps of other systems have.
        let step = self.builder().build_noncompliant().check(code.expose(), seconds);
        step.and_then(|step| i64::try_from(step).ok())
    }

    fn builder(&self) -> Builder {
        Builder::new().with_secret(self.expose()).with_skew(SKEW)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000)
    }

    fn code(text: &str) -> OneTimeCode {
        OneTimeCode::parse(text).unwrap()
    }

    /// RFC 6238, Appendix B, the rows of SHA-1; apps show the last six of the eight digits.
    #[test]
    fn the_rfcs_vectors_pass() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        for (seconds, digits) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let step = secret.step_of(&code(&digits[2..]), at(seconds));
            assert_eq!(step, Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_one_step_early_or_late_and_no_more() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        // The code of step 37,037,036, which begins at 1,111,111,080.
        let counts = |seconds| secret.step_of(&code("081804"), at(seconds));
        assert_eq!(counts(1_111_111_049), None);
        assert_eq!(counts(1_111_111_050), Some(37_037_036));
        assert_eq!(counts(1_111_111_139), Some(37_037_036));
        assert_eq!(counts(1_111_111_140), None);
    }

    #[test]
    fn no_code_that_counts_by_now_is_of_a_later_step_than_the_last() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        // Step 37,037,036 begins at 1,111,111,080, and counts one step early.
        assert_eq!(secret.step_of(&code("081804"), at(1_111_111_050)), Some(37_037_036));
        assert_eq!(last_step_at(at(1_111_111_050)), 37_037_036);
        assert_eq!(last_step_at(at(1_111_111_049)), 37_037_035);
    }

    #[test]
    fn the_uri_says_who_issued_it_and_for_whom() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        let uri = secret.uri("Example & Co", "alice").unwrap();
        let uri = url::Url::parse(&uri).unwrap();
        let value = |name| uri.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
        assert_eq!((uri.scheme(), uri.host_str()), ("otpauth", Some("totp")));
        assert_eq!(uri.path(), "/Example%20%26%20Co:alice");
        assert_eq!(value("issuer").unwrap(), "Example & Co");
        assert_eq!(value("secret").unwrap(), secret.base32().as_str());
        assert_eq!(secret.base32().as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn secrets_of_other_systems_have_other_lengths_and_spellings() {
        let secret = TotpSecret::parse("gezd gnbv-gy3t qojq ====").unwrap();
        assert_eq!(secret.expose(), b"1234567890");
        // Computed by oathtool: --totp -b GEZDGNBVGY3TQOJQ -N @59.
        assert_eq!(secret.step_of(&code("263420"), at(59)), Some(1));
        assert_eq!(TotpSecret::parse(&secret.base32()).unwrap(), secret);
        let of = |bytes: usize| Secret::from(vec![7; bytes]).to_base32();
        assert!(TotpSecret::parse(&of(64)).is_ok());
        for bad in
            [of(9), of(65), of(1000), String::new(), "GEZDGNBVGY3TQOJ1".into(), "é".repeat(16)]
        {
            assert_eq!(TotpSecret::parse(&bad).unwrap_err().field, "totp_secret", "{bad}");
        }
    }
}
