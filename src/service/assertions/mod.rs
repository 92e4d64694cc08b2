//! Who a service is, by a JWT of its own (RFC 7523) or of its workload (Kubernetes, SPIFFE).
//!
//! A part that verifies. Whose account a workload is, and that a `jti` is used once, is for the parts above.

mod cached;
mod places;
mod source;

use std::{sync::Arc, time::Duration};

use self::{
    cached::{CachedKeys, Want},
    places::Places,
    source::KeySource,
};
use crate::{
    domain::{
        AssertionKeys, FetchUrl, IssuerName, ServiceAccountId, Timestamp, TokenIssuer, Workload,
    },
    fetch::Fetcher,
    service::Clock,
    token::{
        ASSERTION_SKEW, Assertion, AssertionKind, AssertionRefused, AssertionRules, KeySet,
        VerifiedAssertion,
    },
};

/// How far ahead `exp` of a service's own assertion may be: so long its `jti` is remembered (ADR 34).
pub const LONGEST_ASSERTION: Duration = Duration::from_secs(60 * 60);

/// How far ahead `exp` of a workload's token may be: Kubernetes issues some for a day.
pub const LONGEST_WORKLOAD_TOKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// Verifies assertions, and keeps the keys of those who make them.
#[derive(Debug)]
pub struct Assertions {
    fetcher: Fetcher,
    issuers: Vec<(TokenIssuer, Arc<CachedKeys>)>,
    accounts: Places,
    /// One of these an assertion must name.
    audiences: Vec<String>,
    clock: Clock,
}

/// A service's own assertion, verified. It may be used once: the issuer is the account, `jti` is its own name for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAssertion {
    /// The claim `jti`.
    pub jti: String,
    /// The earliest time at which it can have been shown.
    pub issued_at: Timestamp,
    /// From when on it is refused anyway: until then its `jti` must be remembered.
    pub expires_at: Timestamp,
}

/// Why an assertion proves nothing. The texts are for the developer of the service, in the characters of OAuth's
/// `error_description`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Something is wrong with it.
    #[error(transparent)]
    Refused(#[from] AssertionRefused),
    /// No configured issuer's.
    #[error("its issuer is not trusted here: COUNTERSIGN_TOKEN_ISSUERS names those that are")]
    UnknownIssuer,
    /// The account has no public keys.
    #[error("the service account has no public keys: give it some by --jwks or --jwks-url")]
    NoKeys,
    /// The keys can't be fetched. The log says why: a caller learns nothing of the network.
    #[error("its keys cannot be fetched now: try again in a while")]
    KeysUnavailable,
}

impl Assertions {
    /// Accepts workload tokens of these issuers, and assertions for these audiences.
    pub fn new(
        fetcher: Fetcher,
        issuers: Vec<TokenIssuer>,
        audiences: Vec<String>,
        clock: Clock,
    ) -> Self {
        let with_keys = |issuer: TokenIssuer| {
            let keys = Arc::new(CachedKeys::new(KeySource::of_issuer(&issuer)));
            (issuer, keys)
        };
        let issuers = issuers.into_iter().map(with_keys).collect();
        Self { fetcher, issuers, accounts: Places::default(), audiences, clock }
    }

    /// The account whose own assertion it claims to be. Others are of workloads, if of anything.
    pub fn claimed_account(jwt: &str) -> Option<ServiceAccountId> {
        ServiceAccountId::parse(&Assertion::peek(jwt)?.issuer?)
    }

    /// Verifies an assertion that `account` signed by one of its keys.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub async fn of_account(
        &self,
        jwt: &str,
        account: ServiceAccountId,
        keys: &AssertionKeys,
    ) -> Result<AccountAssertion, AssertionError> {
        let rules = self.rules(AssertionKind::Jwt, LONGEST_ASSERTION);
        let verified = match (&keys.jwks, &keys.jwks_url) {
            (Some(jwks), _) => {
                // It was valid when it was stored.
                let keys = KeySet::parse(jwks.as_bytes());
                let keys = keys.map_err(|_not_stored| AssertionError::NoKeys)?;
                Assertion::verify(jwt, &keys, &rules, self.clock.now())?
            }
            (None, Some(url)) => {
                let url = FetchUrl::parse(url).map_err(|_not_stored| AssertionError::NoKeys)?;
                self.verify_by(&self.accounts.at(url), jwt, &rules).await?
            }
            (None, None) => return Err(AssertionError::NoKeys),
        };
        let id = account.to_string();
        // RFC 7523, section 3: for client authentication both are the client's id.
        if verified.issuer.as_ref() != Some(&id) {
            return Err(AssertionRefused::Issuer(id).into());
        }
        if verified.subject.as_ref() != Some(&id) {
            return Err(AssertionRefused::Subject(id).into());
        }
        let jti = verified.jti.ok_or(AssertionRefused::NoId)?;
        let expires_at = verified.expires_at;
        let earliest = expires_at.minus(LONGEST_ASSERTION + ASSERTION_SKEW);
        let issued_at = verified.issued_at.unwrap_or(earliest);
        // Clock skew: its clock may be ahead of ours.
        let issued_at = issued_at.minus(ASSERTION_SKEW);
        Ok(AccountAssertion { jti, issued_at, expires_at })
    }

    /// Verifies a token of a workload by the keys of its issuer, if that is trusted. It may be used again until it expires:
    /// workloads get theirs from a file.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub async fn of_workload(&self, jwt: &str) -> Result<Workload, AssertionError> {
        let peeked = Assertion::peek(jwt).ok_or(AssertionRefused::NoJwt)?;
        let issued =
            |name: &IssuerName| name.issues(peeked.issuer.as_deref(), peeked.subject.as_deref());
        // An id of a trust domain counts by the keys of that domain alone, whoever else says it.
        let is_domain = |name: &IssuerName| matches!(name, IssuerName::TrustDomain(_));
        let mut found: Vec<_> = self.issuers.iter().filter(|(own, _)| issued(&own.name)).collect();
        found.sort_by_key(|(own, _)| !is_domain(&own.name));
        let Some((issuer, keys)) = found.first() else { return Err(AssertionError::UnknownIssuer) };
        let kind = match issuer.name {
            IssuerName::OpenId(_) => AssertionKind::Jwt,
            IssuerName::TrustDomain(_) => AssertionKind::JwtSvid,
        };
        let rules = self.rules(kind, LONGEST_WORKLOAD_TOKEN);
        let verified = self.verify_by(keys, jwt, &rules).await?;
        let subject = verified.subject.filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| AssertionRefused::Subject("the workload".into()))?;
        Ok(Workload { issuer: issuer.name.to_string(), subject })
    }

    fn rules(&self, kind: AssertionKind, longest: Duration) -> AssertionRules<'_> {
        AssertionRules { kind, audiences: &self.audiences, longest }
    }

    /// Verifies by a key set that is fetched, and once more by a newer one if it lacks the key.
    async fn verify_by(
        &self,
        cached: &Arc<CachedKeys>,
        jwt: &str,
        rules: &AssertionRules<'_>,
    ) -> Result<VerifiedAssertion, AssertionError> {
        let get = async |want| {
            let held = cached.get(want, &self.fetcher, &self.clock).await;
            held.map_err(|cached::Unavailable| AssertionError::KeysUnavailable)
        };
        let held = get(Want::Fresh).await?;
        let refused = match Assertion::verify(jwt, &held.keys, rules, self.clock.now()) {
            Err(refused) if refused.may_be_of_a_newer_key() => refused,
            ended => return Ok(ended?),
        };
        let newer = get(Want::NewerThan(held.number)).await?;
        if newer.number == held.number {
            return Err(refused.into());
        }
        Ok(Assertion::verify(jwt, &newer.keys, rules, self.clock.now())?)
    }
}
