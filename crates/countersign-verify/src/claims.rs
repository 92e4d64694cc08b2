//! The claims of a verified access token.

use std::sync::Arc;

use uuid::Uuid;

use crate::{Caller, Service, User};

/// The claims of a verified access token (RFC 9068, section 2.2): those that every kind has, and the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: Vec<String>,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// Start of validity, in seconds since 1970; absent in most tokens.
    pub nbf: Option<i64>,
    /// Its own id.
    pub jti: Uuid,
    /// The application that the login was for; of a service's token and an exchanged one, the service account's id.
    pub client_id: String,
    /// The caller: a user, a service for a user, or a service.
    pub caller: Caller,
}

impl Claims {
    /// The claims that [`VerifyLayer`](crate::VerifyLayer) has left in a request's extensions; none on an open path.
    pub fn of(extensions: &http::Extensions) -> Option<&Self> {
        extensions.get::<Arc<Self>>().map(Arc::as_ref)
    }

    /// The user of a user's own token or of an exchanged one; none in a service's token.
    pub fn user(&self) -> Option<&User> {
        match &self.caller {
            Caller::User(user) | Caller::Exchanged { user, .. } => Some(user),
            Caller::Service(_) => None,
        }
    }

    /// The service whose own token this is; none in a user's token, and none in an exchanged one, where the service is
    /// the [`actor`](Self::actor) and has the user's rights, not its own.
    pub fn service(&self) -> Option<&Service> {
        match &self.caller {
            Caller::Service(service) => Some(service),
            Caller::User(_) | Caller::Exchanged { .. } => None,
        }
    }

    /// The service that acts for the user of an exchanged token; none in others.
    pub fn actor(&self) -> Option<&Service> {
        match &self.caller {
            Caller::Exchanged { actor, .. } => Some(actor),
            Caller::User(_) | Caller::Service(_) => None,
        }
    }

    /// Whether the token's scope has that word, to the letter. False for a user's own token, which has no scope: see
    /// [`allows`](Self::allows).
    pub fn has_scope(&self, word: &str) -> bool {
        self.limited().is_some_and(|service| service.has_scope(word))
    }

    /// Whether the token's scope does not stand in the way: a service's token and an exchanged one allow what their scope
    /// names. A user's own token is not limited by scope and allows everything, so this is no check of what the user may
    /// do: [`User::roles`] is.
    pub fn allows(&self, word: &str) -> bool {
        self.limited().is_none_or(|service| service.has_scope(word))
    }

    /// The service whose scope limits the token.
    pub(crate) fn limited(&self) -> Option<&Service> {
        match &self.caller {
            Caller::User(_) => None,
            Caller::Exchanged { actor: service, .. } | Caller::Service(service) => Some(service),
        }
    }
}

#[cfg(test)]
impl Claims {
    /// Claims of a user's token issued at `iat`.
    pub(crate) fn sample(iat: i64) -> Self {
        let id = Uuid::from_u128(0x01a2_0c4a_0429_7775_a845_ad38_8fc1_9430);
        let user = User {
            id,
            session_id: id,
            amr: Vec::new(),
            acr: None,
            auth_time: iat,
            preferred_username: String::new(),
            roles: Vec::new(),
            session_epoch: 0,
        };
        Self {
            iss: String::new(),
            aud: Vec::new(),
            exp: iat + 1,
            iat,
            nbf: None,
            jti: id,
            client_id: String::new(),
            caller: Caller::User(user),
        }
    }
}
