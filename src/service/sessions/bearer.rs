//! Bearer tokens: verification, and whether their session, or their service account, is still live.

use uuid::Uuid;

use super::{
    Sessions,
    principal::{Credential, Service},
};
use crate::{
    domain::{
        Permission, Revoked, Scope, ServiceAccountId, Session, SessionIds, Timestamp, TokenIds,
        User, roles_permit, size,
    },
    service::{Error, known},
    store::{Credentials, LiveSession, Store},
    token::{Claims, ServiceClaims, UserClaims},
};

/// The account behind a valid access token. Only this module constructs one, so a use case that takes an `Account`
/// requires authentication.
#[derive(Debug, Clone)]
pub struct Account {
    /// The token's claims.
    claims: Box<UserClaims>,
    /// The session it was issued for, and the user as they are now.
    live: LiveSession,
}

/// Whose a bearer token is that is for us.
#[derive(Debug)]
pub enum Principal {
    /// A user's own.
    User(Box<Account>),
    /// A service's.
    Service(Service),
}

/// Whose a valid token is.
#[derive(Debug, Clone)]
pub(in crate::service) enum Bearer {
    /// A user's, or a service's that acts for one.
    User(Box<Account>),
    /// A service's.
    Service(ServiceClaims),
}

impl Account {
    /// The session that the token was issued for.
    pub fn session(&self) -> &Session {
        &self.live.session
    }

    /// The user as they are now.
    pub fn user(&self) -> &User {
        &self.live.credentials.user
    }

    /// Whether its tokens are void.
    pub(in crate::service) fn is_ended_by(&self, revoked: &Revoked) -> bool {
        let Session { id, user_id, epoch, .. } = *self.session();
        let session = Some(SessionIds { id, user_id, epoch });
        revoked.voids(&TokenIds { session, ..TokenIds::default() })
    }

    /// Whether the token has expired, the session has ended, or the user has no longer a role with that permission. Streams look for it with
    /// each heartbeat.
    pub(in crate::service) async fn has_lapsed(
        &self,
        store: &dyn Store,
        permission: Permission,
        now: Timestamp,
    ) -> bool {
        if self.claims.exp <= now.unix_seconds() {
            return true;
        }
        match store.session_live(self.session().id, now).await {
            Ok(live) => {
                live.is_none_or(|live| !roles_permit(&live.credentials.user.roles, permission))
            }
            // An unavailable store shows by missing heartbeats, and not by the end of streams.
            Err(_unavailable) => false,
        }
    }

    pub(in crate::service) fn credentials(&self) -> &Credentials {
        &self.live.credentials
    }

    /// The claims of the user's own token; `None` if a service acts by it. Such a token changes no account, and is not
    /// exchanged again.
    pub(in crate::service) fn own_claims(&self) -> Option<&UserClaims> {
        self.claims.act.is_none().then_some(&self.claims)
    }

    /// Whether the session may do what a role permits: where the second factor is on, a trusted device is not enough (ADR 54).
    ///
    /// # Errors
    /// The second factor is on, and the session has not used it.
    pub fn must_be_fit_for_a_role(&self) -> Result<(), Error> {
        self.must_have_used_second_factor()
    }

    /// Whether the session may change the account. The statement that changes it checks again (TOCTOU).
    ///
    /// # Errors
    /// The second factor is on, and the session has not used it: it began before, an operator changed the factor, or a trusted
    /// device spared it that.
    pub(in crate::service) fn must_have_used_second_factor(&self) -> Result<(), Error> {
        if self.live.may_change_the_account() { Ok(()) } else { Err(Error::LoginAgainNeeded) }
    }
}

impl Bearer {
    /// The service account and the id of a token that was issued to a service; `None` for a user's own.
    pub(in crate::service) fn service_token(&self) -> Option<(ServiceAccountId, Uuid)> {
        match self {
            Self::User(account) => {
                account.claims.act.as_ref().map(|service| (service.sub, account.claims.jti))
            }
            Self::Service(claims) => Some((claims.sub, claims.jti)),
        }
    }
}

impl Sessions {
    /// The account of a user's own access token for our own audience.
    ///
    /// # Errors
    /// An invalid token; the store's.
    pub async fn authenticate(&self, jwt: &str) -> Result<Account, Error> {
        match self.principal(jwt).await? {
            Some(Principal::User(account)) => Ok(*account),
            Some(Principal::Service(_)) | None => Err(Error::TokenInvalid),
        }
    }

    /// The user or the service of an access token for our own audience: the first of the configured ones. A service that
    /// receives tokens for another audience can't use them against its users' accounts (RFC 9068, section 4). `None` if a service
    /// acts for a user by it: such a token changes no account and has no permissions.
    ///
    /// # Errors
    /// An invalid token; the store's.
    pub async fn principal(&self, jwt: &str) -> Result<Option<Principal>, Error> {
        match self.bearer(jwt, self.own_audience()).await?.ok_or(Error::TokenInvalid)? {
            Bearer::User(account) if account.own_claims().is_some() => {
                known::record(account.user().id, account.session().id);
                Ok(Some(Principal::User(account)))
            }
            Bearer::User(_) => Ok(None),
            Bearer::Service(claims) => {
                let scope = Scope::parse(&claims.scope);
                let scope = scope.map_err(|_not_a_scope| Error::TokenInvalid)?;
                known::record_service(claims.sub);
                let ServiceClaims { sub: id, service_epoch: epoch, jti, exp, .. } = claims;
                let expires_at = Timestamp::from_unix_micros(exp.saturating_mul(1_000_000));
                let credential = Credential::Token { id: jti, expires_at };
                Ok(Some(Principal::Service(Service { id, scope, epoch, credential })))
            }
        }
    }

    pub(super) fn own_audience(&self) -> &[String] {
        self.policy.audiences.get(..1).unwrap_or_default()
    }

    /// The bearer of an access token; `None` if the token is not ours, is not for one of `audiences`, or its session or
    /// service account has ended.
    pub(in crate::service) async fn bearer(
        &self,
        jwt: &str,
        audiences: &[String],
    ) -> Result<Option<Bearer>, Error> {
        if !size::ACCESS_TOKEN.fits(jwt) {
            return Ok(None);
        }
        // The signature proves the state at issuance; the store has the current one.
        match self.tokens.verify(jwt, audiences, self.clock.now()) {
            Ok(token) => self.bearer_of(token.claims).await,
            Err(_invalid) => Ok(None),
        }
    }

    /// The bearer of a token with these claims, which are verified; `None` if its session or service account has ended.
    pub(in crate::service) async fn bearer_of(
        &self,
        claims: Claims,
    ) -> Result<Option<Bearer>, Error> {
        match claims {
            Claims::User(claims) => {
                Ok(self.user_bearer(claims).await?.map(Box::new).map(Bearer::User))
            }
            Claims::Service(claims) => {
                let (id, epoch) = (claims.sub, claims.service_epoch);
                let is_live = self.service_is_live(id, claims.jti, epoch).await?;
                Ok(is_live.then_some(Bearer::Service(claims)))
            }
        }
    }

    async fn user_bearer(&self, claims: Box<UserClaims>) -> Result<Option<Account>, Error> {
        if let Some(service) = &claims.act
            && !self.service_is_live(service.sub, claims.jti, claims.service_epoch).await?
        {
            return Ok(None);
        }
        let live = self.store.session_live(claims.sid, self.clock.now()).await?;
        let live = live.filter(|live| live.credentials.user.id == claims.sub);
        Ok(live.map(|live| Account { claims, live }))
    }

    /// Whether the account of a service's token is enabled, and neither its tokens of that epoch have ended nor this one.
    async fn service_is_live(
        &self,
        id: ServiceAccountId,
        token_id: Uuid,
        epoch: i64,
    ) -> Result<bool, Error> {
        let account = self.store.service_token_account(id, token_id).await?;
        Ok(account.is_some_and(|account| account.disabled_at.is_none() && epoch >= account.epoch))
    }
}
