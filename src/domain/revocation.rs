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
