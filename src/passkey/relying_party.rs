//! The relying party: who we are to browsers and authenticators.

use std::time::Duration;

use super::{
    UserVerification,
    origin::{check_origin, check_related_origin},
};
use crate::domain::ascii_domain;

/// The longest name: authenticators may cut it there (section 6.4.1).
const LONGEST_NAME: usize = 64;

/// How long a user may take: long enough for one who looks for their phone (section 15.1 recommends five to ten minutes).
const TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(30)..=Duration::from_secs(600);

/// What an operator sets. [`RelyingParty::new`] checks it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The RP id: the domain that all passkeys are for. Another one makes all of them useless.
    pub id: String,
    /// The name that browsers and authenticators may show.
    pub name: String,
    /// The origins of our pages and apps, as browsers write them.
    pub origins: Vec<String>,
    /// The origins of other sites that share our passkeys. Browsers look for them in `/.well-known/webauthn` of the RP id, and
    /// read no more than five registrable names there (section 5.11.1).
    pub related_origins: Vec<String>,
    /// What is asked of user verification where nothing else decides.
    pub user_verification: UserVerification,
    /// How long a browser waits for its user.
    pub timeout: Duration,
}

/// What is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct Problem {
    /// The field of [`Settings`].
    pub setting: &'static str,
    /// What it must be.
    pub problem: String,
}

/// The relying party.
#[derive(Debug, Clone)]
pub struct RelyingParty(Settings);

impl RelyingParty {
    /// Checks the settings.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn new(settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut found = |setting, result: Result<(), String>| {
            problems.extend(result.err().map(|problem| Problem { setting, problem }));
        };
        found("id", check_id(&settings.id));
        found("name", check_name(&settings.name));
        found("timeout", check_timeout(settings.timeout));
        if settings.origins.is_empty() {
            found("origins", Err("must name one at least".to_owned()));
        }
        for origin in &settings.origins {
            found("origins", check_origin(origin, &settings.id));
        }
        for origin in &settings.related_origins {
            found("related_origins", check_related_origin(origin, &settings.id));
        }
        if problems.is_empty() { Ok(Self(settings)) } else { Err(problems) }
    }

    /// The RP id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The name to show.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What is asked of user verification where nothing else decides.
    pub fn user_verification(&self) -> UserVerification {
        self.0.user_verification
    }

    /// The origins of other sites, for `/.well-known/webauthn`.
    pub fn related_origins(&self) -> &[String] {
        &self.0.related_origins
    }

    /// Whether client data may be of that origin: it is on a list, letter for letter.
    pub(super) fn has_origin(&self, origin: &str) -> bool {
        self.0.origins.iter().chain(&self.0.related_origins).any(|known| known == origin)
    }

    /// How long a user may take.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    pub(super) fn timeout_millis(&self) -> u64 {
        u64::try_from(self.0.timeout.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A domain, not a public suffix as far as that can be known without a list of them: browsers refuse those, and addresses.
fn check_id(id: &str) -> Result<(), String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    match (url::Host::parse(id), ascii_domain(id)) {
        (Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)), _) => {
            Err("must be a domain: there are no passkeys of an address".to_owned())
        }
        (Ok(url::Host::Domain(host)), Some(domain))
            if host == domain && domain.chars().all(is_letter) =>
        {
            if domain != id {
                return Err(format!("must be {domain}, as browsers write it"));
            }
            if !id.contains('.') && id != "localhost" {
                return Err("must be a domain such as example.com, or localhost".to_owned());
            }
            Ok(())
        }
        _ => Err("must be a domain such as example.com, without scheme or port".to_owned()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(format!("must have 1 to {LONGEST_NAME} bytes, and no control characters"))
}

fn check_timeout(timeout: Duration) -> Result<(), String> {
    let (least, most) = (TIMEOUT.start().as_secs(), TIMEOUT.end().as_secs());
    if TIMEOUT.contains(&timeout) {
        return Ok(());
    }
    Err(format!("must be {least} to {most} seconds"))
}
