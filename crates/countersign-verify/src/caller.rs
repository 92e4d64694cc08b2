//! The kinds of callers that a token can stand for.

use uuid::Uuid;

use crate::{Claims, ServiceAccountId};

/// The caller of a verified token. It is exhaustive, so that each `match` on it decides on every kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A user, with the token of a login. It is not limited by scope: the user's roles say what they may do.
    User(User),
    /// A service that acts for a user, with an exchanged token (RFC 8693). The token allows what the user may do and its
    /// scope names, and nothing else.
    Exchanged {
        /// The user, whose session the token belongs to.
        user: User,
        /// The service that acts (the claim `act`), with the scope of the token.
        actor: Service,
    },
    /// A service with a token of its own. There is no user.
    Service(Service),
}

/// A user, as a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The user's id (the claim `sub`): immutable, even if the name changes.
    pub id: Uuid,
    /// The session's id (`sid`): the same in all tokens between a login and its logout.
    pub session_id: Uuid,
    /// Authentication methods (`amr`, RFC 8176); `mfa` where there was a second factor.
    pub amr: Vec<String>,
    /// How sure the login was of its user (`acr`): see [`Acr`](crate::Acr). None where the token does not say.
    pub acr: Option<String>,
    /// Time of authentication, in seconds since 1970.
    pub auth_time: i64,
    /// The username as it was typed, for people to read. It may change: keep [`id`](Self::id).
    pub preferred_username: String,
    /// The user's roles; empty where the token has none.
    pub roles: Vec<String>,
    /// The epoch of the session: how often all of the user's sessions had been revoked when this one began, or was last
    /// kept; 0 where the token has none.
    pub session_epoch: i64,
}

impl User {
    /// The user of the claims that [`VerifyLayer`](crate::VerifyLayer) has left in a request's extensions; none on an open
    /// path, and none if the caller is a service with a token of its own.
    pub fn of(extensions: &http::Extensions) -> Option<&Self> {
        Claims::of(extensions)?.user()
    }

    /// Whether the user has that role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}

/// A service account, as a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// The account's id: the claim `sub` of the service's own token, `act.sub` of an exchanged one.
    pub id: ServiceAccountId,
    /// The words of the claim `scope`, separated by spaces (RFC 6749, section 3.3); empty where the token has none.
    pub scope: String,
    /// How often all tokens of the account had been revoked before; 0 where the token does not say.
    pub service_epoch: i64,
}

impl Service {
    /// Whether the scope has that word, to the letter: `orders` is not `orders.read`, nor `Orders`.
    pub fn has_scope(&self, word: &str) -> bool {
        !word.is_empty() && self.scope.split(' ').any(|own| own == word)
    }
}
