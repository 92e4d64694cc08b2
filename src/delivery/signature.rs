//! Signatures of webhooks, as <https://www.standardwebhooks.com> specifies them.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::RngExt as _;
use zeroize::Zeroizing;

/// The key that the receiver shares (HMAC).
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl Secret {
    /// Parses a secret: at least 24 bytes in base64, with or without `whsec_` before it.
    ///
    /// # Errors
    /// Anything else; the text does not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        match STANDARD.decode(encoded).map(Zeroizing::new) {
            Ok(bytes) if bytes.len() >= 24 => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            Ok(_) | Err(_) => {
                Err("must be at least 24 bytes in base64, as `openssl rand -base64 32` prints them"
                    .into())
            }
        }
    }

    /// Draws a secret of 32 bytes, as receivers are given it.
    pub fn generate_text() -> Zeroizing<String> {
        let bytes = Zeroizing::new(rand::rng().random::<[u8; 32]>());
        Zeroizing::new(format!("whsec_{}", STANDARD.encode(*bytes)))
    }

    /// Parses the secret of a subscription: `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks wants it.
    ///
    /// # Errors
    /// Anything else; the text does not repeat it.
    pub fn parse_of_subscription(text: &str) -> Result<Self, &'static str> {
        let wanted = "must be \"whsec_\" and 24 to 64 bytes in base64";
        let encoded = text.strip_prefix("whsec_").ok_or(wanted)?;
        match STANDARD.decode(encoded).map(Zeroizing::new) {
            Ok(bytes) if (24..=64).contains(&bytes.len()) => {
                Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
            }
            Ok(_) | Err(_) => Err(wanted),
        }
    }

    /// The header `webhook-signature` of a request with this id, at this time (seconds since 1970), with this body.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector in the libraries of Svix, the standard's authors.
    #[test]
    fn it_signs_like_everybody_else() {
        for secret in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
        {
            let signature = Secret::parse(secret).unwrap().sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#,
            );
            assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        }
    }

    #[test]
    fn the_secret_of_a_subscription_has_24_to_64_bytes_and_a_prefix() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for good in [of(24), of(64), Secret::generate_text().to_string()] {
            assert!(Secret::parse_of_subscription(&good).is_ok());
        }
        for bad in [of(23), of(65), STANDARD.encode([7; 32]), "whsec_".into(), "whsec_%".into()] {
            let problem = Secret::parse_of_subscription(&bad).unwrap_err();
            assert!(bad == "whsec_" || !problem.contains(&bad), "{bad}");
        }
        assert_ne!(Secret::generate_text(), Secret::generate_text());
    }

    #[test]
    fn short_secrets_are_refused_and_not_repeated() {
        let short = STANDARD.encode([7; 23]);
        for bad in [short.as_str(), "whsec_", "", "no base64 no base64 no base64 no"] {
            let problem = Secret::parse(bad).map(|_| ()).unwrap_err();
            assert!(bad.is_empty() || !problem.contains(bad), "{problem}");
        }
        assert!(Secret::parse(&STANDARD.encode([7; 24])).is_ok());
    }
}
