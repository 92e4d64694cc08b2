//! Services that have proved themselves.

use uuid::Uuid;

use crate::{
    domain::{Permission, Revoked, Scope, ServiceAccountId, Timestamp, TokenIds},
    service::Error,
    store::Store,
};

/// The service behind a valid access token, key or assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its account.
    pub id: ServiceAccountId,
    /// What it may do.
    pub scope: Scope,
    /// The epoch of its token, or of its account.
    pub epoch: i64,
    /// What it has shown.
    pub credential: Credential,
}

/// What proves a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An access token.
    Token {
        /// The claim `jti`.
        id: Uuid,
        /// The claim `exp`.
        expires_at: Timestamp,
    },
    /// A key, by its digest.
    Key([u8; 32]),
    /// An assertion. It was used once.
    Assertion,
}

impl Service {
    /// Whether its scope has the permission.
    ///
    /// # Errors
    /// It has not.
    pub fn must_have(&self, permission: Permission) -> Result<(), Error> {
        let mut scopes = Permission::ALL.into_iter().filter(|own| self.scope.has(own.as_str()));
        if scopes.any(|own| own.includes(permission)) {
            Ok(())
        } else {
            Err(Error::PermissionMissing(permission))
        }
    }

    /// Whether the token has expired, or the key was revoked or has. That is no revocation of tokens: streams look for it with each
    /// heartbeat.
    pub(in crate::service) async fn has_lapsed(&self, store: &dyn Store, now: Timestamp) -> bool {
        match &self.credential {
            Credential::Assertion => false,
            Credential::Token { expires_at, .. } => *expires_at <= now,
            Credential::Key(digest) => match store.service_key_find(*digest).await {
                Ok(found) => {
                    found.is_none_or(|(key, _)| key.expires_at.is_some_and(|end| end <= now))
                }
                // An unavailable store shows by missing heartbeats, and not by the end of streams.
                Err(_unavailable) => false,
            },
        }
    }

    /// Whether it is proved no more.
    pub(in crate::service) fn is_ended_by(&self, revoked: &Revoked) -> bool {
        let service = Some((self.id, self.epoch));
        let token = match self.credential {
            Credential::Token { id, .. } => Some(id),
            Credential::Key(_) | Credential::Assertion => None,
        };
        revoked.voids(&TokenIds { token, service, ..TokenIds::default() })
    }
}
