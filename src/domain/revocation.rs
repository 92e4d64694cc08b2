//! Revocations: they void unexpired access tokens.

use uuid::Uuid;

use super::{ServiceAccountId, Timestamp};

/// The tokens that a revocation voids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// All tokens of a session: the claim `sid`.
    Session(Uuid),
    /// All tokens of a user: the claim `sub`.
    User(Uuid),
    /// All tokens of a signing key: the header `kid`. A thief of the key can sign more of them, so their time of issue does
    /// not matter.
    Key(Uuid),
    /// All tokens of a user's sessions that began in an earlier epoch: the claims `sub` and `session_epoch`. Their time of
    /// issue does not matter.
    Earlier {
        /// The user.
        user_id: Uuid,
        /// The first epoch that stays valid.
        epoch: i64,
        /// The session that goes on, if one does: the claim `sid`.
        kept: Option<Uuid>,
    },
    /// All tokens of a service account, and those by which it acts for users, of an earlier epoch: the claims `sub` or
    /// `act.sub`, and `service_epoch`. Their time of issue does not matter.
    Service {
        /// The account.
        id: ServiceAccountId,
        /// The first epoch that stays valid.
        epoch: i64,
    },
    /// One token of a service: the claim `jti`.
    Token(Uuid),
}

/// What of an access token a revocation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenIds {
    /// Its own: the claim `jti`.
    pub token: Option<Uuid>,
    /// Its signing key's: the header `kid`.
    pub key: Option<Uuid>,
    /// Its session, if it is a user's.
    pub session: Option<SessionIds>,
    /// The service account that it was issued to, and the claim `service_epoch`.
    pub service: Option<(ServiceAccountId, i64)>,
}

/// What of a user's access token a revocation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionIds {
    /// The claim `sid`.
    pub id: Uuid,
    /// The claim `sub`.
    pub user_id: Uuid,
    /// The claim `session_epoch`.
    pub epoch: i64,
}

impl Revoked {
    /// Whether it voids that token, whenever the token was issued: what has ended never comes back.
    pub fn voids(&self, of: &TokenIds) -> bool {
        match self {
            Self::Session(id) => of.session.is_some_and(|session| session.id == *id),
            Self::User(id) => of.session.is_some_and(|session| session.user_id == *id),
            Self::Earlier { user_id, epoch, kept } => of.session.is_some_and(|session| {
                session.user_id == *user_id && session.epoch < *epoch && *kept != Some(session.id)
            }),
            Self::Key(id) => of.key == Some(*id),
            Self::Service { id, epoch } => {
                of.service.is_some_and(|(service, began)| service == *id && began < *epoch)
            }
            Self::Token(id) => of.token == Some(*id),
        }
    }
}

/// Voids access tokens that were issued before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// The tokens.
    pub subject: Revoked,
    /// Tokens issued before this are void. Of [`Revoked::Earlier`] it is for verifiers that know no epochs.
    pub not_before: Timestamp,
    /// The time by which all of those tokens have expired: the revocation can be deleted.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Uuid = Uuid::from_u128(1);
    const SESSION: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);
    const TOKEN: Uuid = Uuid::from_u128(4);
    const KEY: Uuid = Uuid::from_u128(5);
    const SERVICE: ServiceAccountId = ServiceAccountId(Uuid::from_u128(6));

    /// A service acts by it for a user: it has all ids.
    fn exchanged() -> TokenIds {
        TokenIds {
            token: Some(TOKEN),
            key: Some(KEY),
            session: Some(SessionIds { id: SESSION, user_id: USER, epoch: 4 }),
            service: Some((SERVICE, 7)),
        }
    }

    fn earlier(epoch: i64, kept: Option<Uuid>) -> Revoked {
        Revoked::Earlier { user_id: USER, epoch, kept }
    }

    #[test]
    fn each_revocation_voids_the_tokens_that_it_names_and_no_others() {
        for voids in [
            Revoked::Session(SESSION),
            Revoked::User(USER),
            Revoked::Key(KEY),
            Revoked::Token(TOKEN),
            earlier(5, None),
            earlier(5, Some(OTHER)),
            Revoked::Service { id: SERVICE, epoch: 8 },
        ] {
            assert!(voids.voids(&exchanged()), "{voids:?}");
            assert!(!voids.voids(&TokenIds::default()), "{voids:?}");
        }
        for other in [
            Revoked::Session(USER),
            Revoked::User(SESSION),
            Revoked::Key(TOKEN),
            Revoked::Token(KEY),
            earlier(4, None),
            earlier(5, Some(SESSION)),
            Revoked::Earlier { user_id: OTHER, epoch: 5, kept: None },
            Revoked::Service { id: SERVICE, epoch: 7 },
            Revoked::Service { id: ServiceAccountId(OTHER), epoch: 8 },
        ] {
            assert!(!other.voids(&exchanged()), "{other:?}");
        }
    }
}
