//! Revocations: what voids access tokens that have not expired.

use uuid::Uuid;

use super::Timestamp;

/// Whose tokens a revocation voids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// Those of a session: the claim `sid`.
    Session(Uuid),
    /// Those of a user: the claim `sub`.
    User(Uuid),
    /// Those that a signing key has signed: the header `kid`. Whoever has the key can sign more of them, so it does not matter
    /// when they say that they were issued.
    Key(Uuid),
    /// Those of a user's sessions that began in an earlier epoch: the claims `sub` and `session_epoch`. When they were issued
    /// does not matter.
    Earlier {
        /// Whose.
        user_id: Uuid,
        /// The first epoch whose tokens count.
        epoch: i64,
        /// The session that goes on, if one does: the claim `sid`.
        kept: Option<Uuid>,
    },
}

/// Voids access tokens that were issued before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Whose.
    pub subject: Revoked,
    /// Tokens issued before this are void. Of [`Revoked::Earlier`] it is for verifiers that know no epochs.
    pub not_before: Timestamp,
    /// By then they have all expired, and the revocation can be forgotten.
    pub expires_at: Timestamp,
}
