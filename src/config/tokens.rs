//! What signs access tokens, and what they say.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::Url;

use super::{
    Profile,
    reader::{Reader, TEN_YEARS, minutes},
    settings as name,
};
use crate::{
    domain::{DEFAULT_KEY_LEAD, KEY_SET_MAX_AGE},
    token::{self, Algorithm, SigningKey},
};

/// What signs access tokens.
#[derive(Debug, Clone)]
pub enum Signing {
    /// A key that the service makes and stores.
    Stored(Algorithm),
    /// The configured HS256 secret.
    Secret(SigningKey),
}

impl Reader<'_> {
    pub(super) fn signing(&mut self) -> Signing {
        let algorithm = self.read(name::JWT_ALGORITHM, Algorithm::Es256, str::parse);
        let secret = self.read(name::JWT_SECRET, None, |text| {
            let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() >= 32);
            bytes.map(Some).ok_or_else(|| "must be at least 32 bytes in base64".to_owned())
        });
        match (algorithm, secret) {
            (Algorithm::Hs256, Some(secret)) => Signing::Secret(SigningKey::from_secret(&secret)),
            (Algorithm::Hs256, None) => {
                self.require(
                    name::JWT_SECRET,
                    "must be set with HS256: at least 32 bytes in base64",
                );
                Signing::Stored(Algorithm::Es256)
            }
            (algorithm, secret) => {
                if secret.is_some() {
                    self.problems.add(name::JWT_SECRET, "is of use with HS256 only");
                }
                Signing::Stored(algorithm)
            }
        }
    }

    pub(super) fn key_rotation(&mut self) -> Duration {
        let default = minutes(90 * 24 * 60);
        let rotation = self.duration(name::KEY_ROTATION, default, TEN_YEARS);
        if rotation < minutes(60) {
            self.problems.add(name::KEY_ROTATION, "must be at least 1h");
        }
        rotation
    }

    /// Not shorter than verifiers are told to keep the key set.
    pub(super) fn key_lead(&mut self) -> Duration {
        let lead = self.duration(name::KEY_LEAD, DEFAULT_KEY_LEAD, minutes(7 * 24 * 60));
        if lead < KEY_SET_MAX_AGE {
            self.problems.add(name::KEY_LEAD, "must be at least 5m");
        }
        lead
    }

    /// Otherwise the next key would be due again before it signs.
    pub(super) fn key_lead_fits(&mut self, lead: Duration, rotation: Duration) {
        if lead >= rotation {
            let problem = format!("must be shorter than {}", name::KEY_ROTATION);
            self.problems.add(name::KEY_LEAD, problem);
        }
    }

    pub(super) fn access_tokens(&mut self, profile: Profile) -> token::Settings {
        if profile == Profile::Production {
            // The default would send verifiers to their own machine for the keys, and give every deployment one name.
            self.require(
                name::ISSUER,
                "must be set with Postgres: the URL under which others reach the HTTP side, such as https://auth.example.com",
            );
        }
        let issuer = self.read(name::ISSUER, "http://localhost:8080".to_owned(), |text| {
            let url = Url::parse(text).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.query().is_none()
                    && url.fragment().is_none()
            });
            url.map(|_| text.to_owned()).ok_or_else(|| "must be an http or https URL".to_owned())
        });
        let ttl = self.lifetime(name::ACCESS_TOKEN_TTL, minutes(15), token::LONGEST_TTL);
        token::Settings { issuer, ttl }
    }
}
