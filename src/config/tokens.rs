//! Signing of access tokens, and their claims.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::Url;

use super::{
    Profile,
    reader::{Reader, TEN_YEARS, days, minutes, seconds},
    token_settings,
};
use crate::{
    domain::KEY_SET_MAX_AGE,
    token::{self, Algorithm, SigningKey},
};

/// The signing key of access tokens.
#[derive(Debug, Clone)]
pub enum Signing {
    /// A key that the service makes and stores.
    Stored(Algorithm),
    /// The configured HS256 secret.
    Secret(SigningKey),
}

impl Reader<'_> {
    pub(super) fn signing(&mut self) -> Signing {
        let algorithm = self.read(token_settings::JWT_ALGORITHM, str::parse);
        let secret = self.given(token_settings::JWT_SECRET, |text| {
            let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() >= 32);
            bytes.ok_or_else(|| "must be at least 32 bytes in base64".to_owned())
        });
        match (algorithm, secret) {
            (Algorithm::Hs256, Some(secret)) => Signing::Secret(SigningKey::from_secret(&secret)),
            (Algorithm::Hs256, None) => {
                self.require(
                    token_settings::JWT_SECRET,
                    "must be set with HS256: at least 32 bytes in base64",
                );
                Signing::Stored(Algorithm::Es256)
            }
            (algorithm, secret) => {
                if secret.is_some() {
                    self.problems.add(token_settings::JWT_SECRET, "is of use with HS256 only");
                }
                Signing::Stored(algorithm)
            }
        }
    }

    pub(super) fn key_rotation(&mut self) -> Duration {
        self.duration(token_settings::KEY_ROTATION, minutes(60)..=TEN_YEARS)
    }

    /// At least the time for which verifiers may cache the key set.
    pub(super) fn key_lead(&mut self) -> Duration {
        self.duration(token_settings::KEY_LEAD, KEY_SET_MAX_AGE..=days(7))
    }

    /// A longer lead would make the next key due again before it signs.
    pub(super) fn key_lead_fits(&mut self, lead: Duration, rotation: Duration) {
        if lead >= rotation {
            let problem = format!("must be shorter than {}", token_settings::KEY_ROTATION.name);
            self.problems.add(token_settings::KEY_LEAD, problem);
        }
    }

    pub(super) fn access_tokens(&mut self, profile: Profile) -> token::Settings {
        if profile == Profile::Production {
            // The default would send verifiers to their own machine for the keys, and give every deployment the same
            // issuer.
            self.require(
                token_settings::ISSUER,
                "must be set with Postgres: the URL under which others reach the HTTP side, such as https://auth.example.com",
            );
        }
        let issuer = self.read_in(profile, token_settings::ISSUER, |text| {
            let url = Url::parse(text).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.query().is_none()
                    && url.fragment().is_none()
            });
            url.map(|_| text.to_owned()).ok_or_else(|| "must be an http or https URL".to_owned())
        });
        let ttl = self.duration(token_settings::ACCESS_TOKEN_TTL, seconds(1)..=token::LONGEST_TTL);
        token::Settings { issuer: issuer.unwrap_or_default(), ttl }
    }
}
