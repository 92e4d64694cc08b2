//! Service accounts as callers: what proves them, and the tokens that they get.

mod exchange_token;
mod issue_service_token;
mod known_keys;
mod proof;
mod revoke_token;

use std::sync::Arc;

use crate::{
    domain::{InvalidField, Policy, Scope, ServiceAccount, size},
    service::{
        Clock, Error, ServiceError, assertions::Assertions, limits::Limits, sessions::Sessions,
    },
    store::Store,
    token::{AccessToken, AccessTokens, Granted, MasterKey},
};

pub use self::{
    exchange_token::ExchangeTokenRequest, issue_service_token::IssueServiceTokenRequest,
    known_keys::KnownKeys, proof::ServiceProof, revoke_token::RevokeTokenRequest,
};

/// Proves service accounts, and issues their tokens.
#[derive(Debug)]
pub struct ServiceAccounts {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Issues access tokens.
    pub(crate) tokens: AccessTokens,
    /// Keys the digests of keys and assertions.
    pub(crate) master_key: MasterKey,
    /// The audiences.
    pub(crate) policy: Arc<Policy>,
    /// The rate limit of addresses.
    pub(crate) limits: Arc<Limits>,
    /// Checks users' tokens.
    pub(crate) sessions: Arc<Sessions>,
    /// Verifies assertions.
    pub(crate) assertions: Assertions,
    /// Keys that were looked up a moment ago.
    pub(crate) known_keys: KnownKeys,
    /// The clock.
    pub(crate) clock: Clock,
}

/// The token of a service, and its scopes.
#[derive(Debug)]
pub struct ServiceToken {
    /// The token.
    pub access: AccessToken,
    /// What it is good for.
    pub scope: Scope,
}

/// What a service asks a token to say.
#[derive(Debug, Default)]
pub struct Asked {
    /// Scopes, with spaces between; empty is all that are granted.
    pub scope: String,
    /// The audience; empty is the first that is granted.
    pub audience: String,
}

impl ServiceAccounts {
    /// What an account is granted of what it asks for.
    ///
    /// # Errors
    /// A malformed scope; a scope or an audience that is not granted.
    fn grant<'a>(&self, account: &'a ServiceAccount, asked: &Asked) -> Result<Granted<'a>, Error> {
        let wanted = Scope::parse(&asked.scope)
            .map_err(|problem| InvalidField::new(size::SCOPE.field, problem))?;
        let granted = &account.grants.scope;
        let scope = if wanted.is_empty() { granted.clone() } else { wanted };
        if !scope.is_within(granted) {
            return Err(Error::Service(ServiceError::NotGranted("scope")));
        }
        let audience = account.grants.audience(&asked.audience, &self.policy.audiences);
        let audience = audience.ok_or(Error::Service(ServiceError::NotGranted("audience")))?;
        Ok(Granted { account, audience, scope })
    }
}
