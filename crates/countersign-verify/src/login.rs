//! How sure a login is of its user, and how long ago it was (step-up authentication, RFC 9470).

use std::time::Duration;

use crate::User;

/// The claim `acr` (RFC 9068, section 2.2.1), the weaker first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Acr {
    /// `1fa`: a password, or another single proof.
    OneFactor,
    /// `2fa`: two proofs of different kinds.
    TwoFactors,
    /// `phr`: two factors, one of which no other site can be given (phishing-resistant): a passkey.
    PhishingResistant,
}

impl Acr {
    /// The value of the claim.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneFactor => "1fa",
            Self::TwoFactors => "2fa",
            Self::PhishingResistant => "phr",
        }
    }

    /// The level of a token's claim; none of a value that is not known here: of a later release, it may mean anything.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::OneFactor, Self::TwoFactors, Self::PhishingResistant]
            .into_iter()
            .find(|level| level.as_str() == text)
    }
}

/// What is asked of a user's login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) acr: Option<Acr>,
    pub(crate) within: Option<Duration>,
}

impl Login {
    /// Whether the user's login is as sure and as recent, at `now`, in seconds since 1970.
    pub(crate) fn is_met_by(self, user: &User, now: i64) -> bool {
        let age = u64::try_from(now.saturating_sub(user.auth_time)).unwrap_or(0);
        let is_recent = self.within.is_none_or(|most| age <= most.as_secs());
        let level = user.acr.as_deref().and_then(Acr::parse);
        is_recent && self.acr.is_none_or(|least| level.is_some_and(|level| level >= least))
    }

    /// The parameters of RFC 9470 (section 3), as the client is to ask for them.
    pub(crate) fn parameters(self) -> impl Iterator<Item = (&'static str, String)> {
        let acr = self.acr.map(|level| ("acr_values", level.as_str().to_owned()));
        let age = self.within.map(|most| ("max_age", most.as_secs().to_string()));
        acr.into_iter().chain(age)
    }
}
