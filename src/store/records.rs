//! The values that cross the store's boundary and are nobody else's.

use uuid::Uuid;

use crate::domain::{Challenge, Session, Timestamp, User};

/// A user that is to be added.
#[derive(Clone)]
pub struct NewUser {
    /// The user as it will be.
    pub user: User,
    /// The unique spelling of the username.
    pub username_key: String,
    /// The unique spelling of the e-mail address.
    pub email_key: String,
    /// The password's hash, in its stored format.
    pub password_hash: String,
    /// The request that made it, so that a retry finds it.
    pub request_id: Option<Uuid>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// A user with what is needed to check who they are.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The password's hash, in its stored format.
    pub password_hash: String,
    /// Grows with every change of the credentials.
    pub credential_version: i64,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// What stands in the way of a new user.
#[derive(Debug, Clone)]
pub enum Taken {
    /// A user that the same request made.
    RequestId(Box<Credentials>),
    /// The username.
    Username,
    /// The e-mail address.
    Email,
}

/// A session that lives, with its user.
#[derive(Debug, Clone)]
pub struct LiveSession {
    /// The session.
    pub session: Session,
    /// The user, whose account is enabled.
    pub credentials: Credentials,
}

/// When something is revoked, and for how long that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoking {
    /// The time of the request: tokens issued before it are void.
    pub now: Timestamp,
    /// When the last of them has expired.
    pub tokens_expire_at: Timestamp,
}

/// A challenge that is to be added.
#[derive(Debug, Clone)]
pub struct NewChallenge {
    /// The challenge.
    pub challenge: Challenge,
    /// The keyed digest of the id that the caller holds.
    pub token_mac: [u8; 32],
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
}

/// What came of spending an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// It is spent: the proof may be compared with this digest.
    Reserved {
        /// The challenge, this attempt counted.
        challenge: Challenge,
        /// The keyed digest of the right code.
        code_mac: [u8; 32],
    },
    /// There was none left.
    Exhausted,
    /// The challenge is unknown, expired or used.
    Invalid,
}

/// When a code may be replaced, and until when the next one may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRules {
    /// The time of the request.
    pub now: Timestamp,
    /// From when the code after this one may be sent.
    pub next_resend_at: Timestamp,
    /// With so many attempts spent, no code helps any more.
    pub max_attempts: u32,
}

/// What came of replacing a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// The new code counts.
    Renewed {
        /// The challenge as it now stands.
        challenge: Challenge,
        /// Whom to send it to.
        user: Box<User>,
    },
    /// The cool-down lasts until then.
    TooEarly(Timestamp),
    /// No attempt is left.
    Exhausted,
    /// The challenge is unknown, expired or used.
    Invalid,
}

/// The secret of an authenticator app, encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTotp {
    /// The row's id, which the secret is sealed for.
    pub id: Uuid,
    /// The secret, encrypted.
    pub sealed_secret: Vec<u8>,
}

/// What a user has to answer a challenge with, beside codes that are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFactors {
    /// An app that was confirmed.
    pub totp: Option<SealedTotp>,
    /// Recovery codes that are left.
    pub recovery_codes: u32,
}

/// An authenticator app that is to be enrolled.
#[derive(Debug, Clone)]
pub struct NewTotp {
    /// The enrolment's id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// The secret, encrypted for that id.
    pub sealed_secret: Vec<u8>,
    /// When it begins.
    pub created_at: Timestamp,
    /// When it ends, unless it is confirmed before.
    pub expires_at: Timestamp,
}

/// What came of spending an attempt to confirm an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrollment {
    /// It is spent: the code may be checked with this secret.
    Reserved(SealedTotp),
    /// There was none left.
    Exhausted,
    /// The enrolment is unknown, somebody else's, expired or confirmed.
    Invalid,
}

/// An enrolment whose code was right.
#[derive(Debug, Clone)]
pub struct ConfirmTotp {
    /// The enrolment.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// The step that the code was of, which is used up.
    pub step: i64,
    /// The keyed digests of the new recovery codes.
    pub recovery_codes: Vec<[u8; 32]>,
    /// The time of the request.
    pub now: Timestamp,
}

/// A signing key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The key's id: the JWT header `kid`.
    pub id: Uuid,
    /// The JWS algorithm (RFC 7518, section 3.1).
    pub algorithm: String,
    /// The private key, encrypted.
    pub sealed_private_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How the connections are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Open connections.
    pub open: u32,
    /// Those that wait for work.
    pub idle: u32,
    /// The most there may be.
    pub max: u32,
}
