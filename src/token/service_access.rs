//! Access tokens of services, and those by which they act for users.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::{
    AccessToken, AccessTokens, ActingParty, KeyError, ServiceClaims, UserClaims,
    access::{ISSUED_EARLIER, encode},
};
use crate::domain::{Scope, ServiceAccount, Timestamp};

/// The longest lifetime of a service's token.
pub const LONGEST_SERVICE_TTL: Duration = Duration::from_secs(60 * 60);

/// What a token is to say, all of it granted.
#[derive(Debug, Clone)]
pub struct Granted<'a> {
    /// The service account.
    pub account: &'a ServiceAccount,
    /// The audience.
    pub audience: String,
    /// The scopes.
    pub scope: Scope,
}

impl AccessTokens {
    /// The lifetime of a service's token.
    pub fn service_ttl(&self) -> Duration {
        self.ttl().min(LONGEST_SERVICE_TTL)
    }

    /// Issues a token of a service.
    ///
    /// # Errors
    /// There is no signing key, or it fails.
    pub fn issue_to_service(
        &self,
        granted: &Granted<'_>,
        now: Timestamp,
    ) -> Result<AccessToken, KeyError> {
        let account = granted.account;
        let claims = ServiceClaims {
            iss: self.issuer().to_owned(),
            sub: account.id,
            aud: granted.audience.clone(),
            exp: now.plus(self.service_ttl()).unix_seconds(),
            iat: now.minus(ISSUED_EARLIER).unix_seconds(),
            jti: Uuid::now_v7(),
            client_id: account.id,
            scope: granted.scope.to_string(),
            service_epoch: account.epoch,
        };
        self.signed(&claims, claims.exp, now)
    }

    /// Issues a token by which a service acts for the user of `subject`, whose token it does not outlive (RFC 8693).
    ///
    /// # Errors
    /// There is no signing key, or it fails.
    pub fn issue_for_user(
        &self,
        granted: &Granted<'_>,
        subject: &UserClaims,
        now: Timestamp,
    ) -> Result<AccessToken, KeyError> {
        let account = granted.account;
        let claims = UserClaims {
            aud: granted.audience.clone(),
            exp: subject.exp.min(now.plus(self.service_ttl()).unix_seconds()),
            iat: now.minus(ISSUED_EARLIER).unix_seconds(),
            jti: Uuid::now_v7(),
            client_id: account.id.to_string(),
            scope: granted.scope.to_string(),
            act: Some(ActingParty { sub: account.id }),
            service_epoch: account.epoch,
            ..subject.clone()
        };
        self.signed(&claims, claims.exp, now)
    }

    fn signed(
        &self,
        claims: &impl Serialize,
        exp: i64,
        now: Timestamp,
    ) -> Result<AccessToken, KeyError> {
        let ring = self.ring();
        let key = ring.signer(now).ok_or(KeyError::Missing)?;
        Ok(AccessToken::of(encode(key, claims)?, exp, now))
    }
}

#[cfg(test)]
#[path = "service_access_tests.rs"]
mod service_access_tests;
