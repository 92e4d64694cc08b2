//! The secrets of authenticator apps, as other systems keep them.

use super::{base32, problem::Problem};

/// What an app is called that makes other codes than ours.
pub(crate) const ODD_APP: &str = "authenticator app that is not TOTP of SHA-1, 6 digits, 30 s";

/// What the app and the server have agreed on. Ours is SHA-1, six digits and steps of 30 seconds: many apps know no other.
#[derive(Debug, Default)]
pub(crate) struct Totp {
    pub(crate) secret: String,
    pub(crate) algorithm: String,
    pub(crate) digits: String,
    pub(crate) period: String,
}

impl Totp {
    /// Reads an `otpauth://totp/…` address.
    pub(crate) fn from_url(url: &str) -> Option<Self> {
        let (_, query) = url.strip_prefix("otpauth://totp/")?.split_once('?')?;
        let mut totp = Self::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "secret" => totp.secret = value.replace("%3D", ""),
                "algorithm" => totp.algorithm = value.to_owned(),
                "digits" => totp.digits = value.to_owned(),
                "period" => totp.period = value.to_owned(),
                _ => {}
            }
        }
        Some(totp)
    }

    /// The secret, if our server makes the same codes of it.
    pub(crate) fn secret(&self) -> Option<&str> {
        let algorithm = self.algorithm.to_ascii_uppercase().replace(['-', '_'], "");
        let ours = matches!(algorithm.as_str(), "" | "SHA1" | "HMACSHA1")
            && matches!(self.digits.as_str(), "" | "6")
            && matches!(self.period.as_str(), "" | "30");
        ours.then_some(self.secret.as_str())
    }
}

/// The base32 of a secret that is, or may be, within an `otpauth` address.
///
/// # Errors
/// One that is neither.
pub(crate) fn secret_of(text: &str) -> Result<Option<String>, Problem> {
    if text.starts_with("otpauth:") {
        let totp = Totp::from_url(text);
        return Ok(totp.and_then(|totp| totp.secret().map(str::to_owned)));
    }
    let wrong = || Problem::new("totp_secret", "must be base32");
    base32::tidy(text).ok_or_else(wrong).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_only_where_our_codes_are_the_same() {
        let url =
            |query: &str| format!("otpauth://totp/Example:ada@example.com?issuer=Example{query}");
        let same = ["&secret=MZXW6YTB", "&secret=MZXW6YTB&algorithm=SHA1&digits=6&period=30"];
        for query in same {
            assert_eq!(secret_of(&url(query)).unwrap().unwrap(), "MZXW6YTB");
        }
        for other in ["&algorithm=SHA256", "&digits=8", "&period=60"] {
            let url = url(&format!("&secret=MZXW6YTB{other}"));
            assert_eq!(secret_of(&url).unwrap(), None, "{other}");
        }
        assert_eq!(secret_of("mzxw 6ytb").unwrap().unwrap(), "MZXW6YTB");
        assert!(secret_of("{\"key_id\":\"1\"}").is_err());
    }
}
