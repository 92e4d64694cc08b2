//! Where a key set comes from: a URL, or the document of an OpenID Connect issuer.

use std::{error::Error, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::{
    domain::{FetchUrl, IssuerName, KeyPlace, TokenIssuer},
    fetch::{FetchError, Fetched, Fetcher},
    token::KeySet,
};

/// The source of a key set.
#[derive(Debug)]
pub(super) struct KeySource {
    place: KeyPlace,
    /// What the document must say of itself.
    issuer: Option<String>,
    token_file: Option<PathBuf>,
}

/// A key set as it was fetched.
#[derive(Debug)]
pub(super) struct FetchedKeys {
    pub(super) keys: KeySet,
    pub(super) fresh_for: Duration,
}

/// Why a key set could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the key set {0}")]
    KeySet(String),
    #[error("the issuer's document is none of OpenID Connect Discovery")]
    Document(#[source] serde_json::Error),
    /// Another issuer could otherwise vouch for this one's workloads.
    #[error("the document is of the issuer {found:.200}, and must be of {expected}, to the letter")]
    OtherIssuer { found: String, expected: String },
    #[error("its jwks_uri {0}")]
    KeysUrl(String),
}

/// The issuer's document (OpenID Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

impl KeySource {
    /// The key set at a URL, which is published to all.
    pub(super) fn of_url(url: FetchUrl) -> Self {
        Self { place: KeyPlace::KeySet(url), issuer: None, token_file: None }
    }

    /// The keys of an issuer.
    pub(super) fn of_issuer(issuer: &TokenIssuer) -> Self {
        let name = match &issuer.name {
            IssuerName::OpenId(name) => Some(name.clone()),
            IssuerName::TrustDomain(_) => None,
        };
        Self { place: issuer.keys.clone(), issuer: name, token_file: issuer.token_file.clone() }
    }

    /// What is asked first, for a log.
    pub(super) fn url(&self) -> &FetchUrl {
        match &self.place {
            KeyPlace::Discovery(url) | KeyPlace::KeySet(url) => url,
        }
    }

    pub(super) async fn fetch(&self, fetcher: &Fetcher) -> Result<FetchedKeys, SourceError> {
        match &self.place {
            KeyPlace::KeySet(url) => self.key_set(fetcher, url, Duration::MAX).await,
            KeyPlace::Discovery(url) => {
                let fetched = self.get(fetcher, url).await?;
                let keys = self.keys_url(&fetched)?;
                self.key_set(fetcher, &keys, fetched.fresh_for).await
            }
        }
    }

    fn keys_url(&self, fetched: &Fetched) -> Result<FetchUrl, SourceError> {
        let document: Document =
            serde_json::from_slice(&fetched.body).map_err(SourceError::Document)?;
        if self.issuer.as_ref() != Some(&document.issuer) {
            let expected = self.issuer.clone().unwrap_or_default();
            return Err(SourceError::OtherIssuer { found: document.issuer, expected });
        }
        FetchUrl::parse(&document.jwks_uri).map_err(SourceError::KeysUrl)
    }

    async fn key_set(
        &self,
        fetcher: &Fetcher,
        url: &FetchUrl,
        fresh_for: Duration,
    ) -> Result<FetchedKeys, SourceError> {
        let fetched = self.get(fetcher, url).await?;
        let keys = KeySet::parse(&fetched.body).map_err(SourceError::KeySet)?;
        for why in keys.unusable() {
            tracing::debug!(%url, why, "a key of a key set is left out");
        }
        Ok(FetchedKeys { keys, fresh_for: fetched.fresh_for.min(fresh_for) })
    }

    async fn get(&self, fetcher: &Fetcher, url: &FetchUrl) -> Result<Fetched, FetchError> {
        // The token is for the server that the operator named: a document does not lead it elsewhere.
        let token = self.token_file.as_deref().filter(|_| url.has_origin_of(self.url()));
        fetcher.get(url, token).await
    }
}

/// An error and its causes in one line.
pub(super) fn told(error: &SourceError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
