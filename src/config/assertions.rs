//! Assertions of others: which issuers are trusted, and where keys are fetched from.

use super::{reader::Reader, settings};
use crate::{
    dial::Trust,
    domain::{PrivateNetworks, TokenIssuer},
};

/// Whose tokens prove a workload, and what may be called for the keys of others.
#[derive(Debug, Clone, Default)]
pub struct Assertions {
    /// The trusted issuers.
    pub issuers: Vec<TokenIssuer>,
    /// The private networks that keys may be fetched from.
    pub networks: PrivateNetworks,
    /// The authorities of the servers that they are fetched from.
    pub trust: Trust,
}

impl Reader<'_> {
    pub(super) fn assertions(&mut self) -> Assertions {
        let issuers = self.given(settings::TOKEN_ISSUERS, TokenIssuer::parse_all);
        let networks = self.given(settings::FETCH_PRIVATE, |text| {
            PrivateNetworks::parse(text).map_err(str::to_owned)
        });
        Assertions {
            issuers: issuers.unwrap_or_default(),
            networks: networks.unwrap_or_default(),
            trust: self.trust(settings::FETCH_CA).unwrap_or_default(),
        }
    }
}
