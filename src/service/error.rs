//! Errors of the use cases, classified by what the caller can do about them.

use std::{borrow::Cow, time::Duration};

use crate::{
    domain::{InvalidField, Permission},
    password,
    store::{self, Reservation},
};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error of a use case. Transports fix the texts for callers; sources are for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Invalid fields; all of them.
    #[error("some fields are not valid")]
    InvalidFields(Vec<InvalidField>),
    /// Unknown user, wrong password or disabled account: the answer does not tell which (user enumeration).
    #[error("the credentials are not valid")]
    InvalidCredentials,
    /// A wrong, used, expired or unknown code or challenge: the answer does not tell which.
    #[error("the challenge or the code is not valid")]
    ChallengeInvalid,
    /// The challenge, the id or the enrolment has no attempts left.
    #[error("there are no attempts left")]
    ChallengeExhausted,
    /// A recovery code is missing, and one mailbox would count as two factors.
    #[error("the only second factor is the mailbox itself")]
    RecoveryCodeNeeded,
    /// The challenge is not answered by a mailed code.
    #[error("no code is sent for this challenge")]
    FactorUnavailable,
    /// Logins by a mailed code are turned off.
    #[error("logins by a mailed code are off")]
    EmailLoginOff,
    /// A login began with the mailbox, and the user has no second factor but that.
    #[error("there is no second factor beside the mailbox")]
    NoOtherFactor,
    /// Wrong codes of that kind have used up the year's limit: strangers must log in with another factor.
    #[error("too many wrong codes")]
    CodesUsedUp,
    /// The request needs a second factor, and it is off.
    #[error("the second factor is off")]
    TwoFactorOff,
    /// Codes would go to an unverified address.
    #[error("the e-mail address is not verified")]
    EmailUnverified,
    /// The second factor is on, and the caller's session has not used it.
    #[error("the session has not used the second factor")]
    LoginAgainNeeded,
    /// The login is not recent, and no second factor came beside the password.
    #[error("a fresh proof is needed")]
    FreshProofNeeded,
    /// The address is verified: there is nothing to verify, and no account to end.
    #[error("the e-mail address is verified")]
    EmailVerified,
    /// A bearer or refresh token that is not ours, has expired, or whose session has ended: the answer does not tell
    /// which.
    #[error("the token is not valid")]
    TokenInvalid,
    /// A reused refresh token; its session has ended.
    #[error("the refresh token was used before")]
    RefreshReused,
    /// A service account is not proved, or not granted what it asks for.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// What an administrator asks for can't be done.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Something is the matter with passkeys, or with that one.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
    /// The caller lacks a permission.
    #[error("the caller lacks the permission {}", .0.as_str())]
    PermissionMissing(Permission),
    /// Another user has that username.
    #[error("the username is taken")]
    UsernameTaken,
    /// Another user has that e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Another user has the username that is asked for in place of one's own.
    #[error("the new username is taken")]
    NewUsernameTaken,
    /// Another user has the address that an account had before.
    #[error("the former e-mail address is taken")]
    FormerEmailTaken,
    /// Too early or too often (rate limit).
    #[error("too early")]
    Throttled(Duration),
    /// Overload (load shedding).
    #[error("overloaded")]
    Overloaded(Duration),
    /// The database is unavailable.
    #[error("the store is unavailable")]
    StoreUnavailable(#[source] Source),
    /// A defect on our side.
    #[error("internal error")]
    Internal(#[source] Source),
}

/// Errors of service accounts.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The proof of a service account is not valid; why, for the service's developers.
    #[error("the service's proof is not valid: {0}")]
    ProofInvalid(Cow<'static, str>),
    /// The keys of an assertion can't be fetched.
    #[error("the keys of the assertion can't be fetched")]
    KeysUnavailable,
    /// The service account is not granted this: `scope`, `audience`, `exchange` or `token`.
    #[error("not granted: {0}")]
    NotGranted(&'static str),
    /// The token that a service wants to exchange is not a user's own, or not valid any more: the answer does not tell which.
    #[error("the subject token is not valid")]
    SubjectTokenInvalid,
    /// Tokens of that kind are not revoked one by one.
    #[error("the token can't be revoked by itself")]
    TokenTypeUnsupported,
}

/// Errors of administrators' requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// There is no such user.
    #[error("there is no such user")]
    UserNotFound,
    /// The user is not as the etag says.
    #[error("the user has changed")]
    EtagMismatch,
    /// No user who may log in would be left with the role of administrators.
    #[error("no administrator would be left")]
    LastAdministrator,
    /// Another request had this request id.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// There are as many subscriptions as there may be.
    #[error("there are too many subscriptions")]
    TooManySubscriptions,
}

/// Errors of requests about passkeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// The service has none.
    #[error("there are no passkeys here")]
    Off,
    /// The credential is registered already.
    #[error("the passkey is registered already")]
    Taken,
    /// The user has as many as may be.
    #[error("there are too many passkeys")]
    TooMany,
    /// The user has no such passkey.
    #[error("there is no such passkey")]
    NotFound,
}

/// A single invalid field.
impl From<InvalidField> for Error {
    fn from(bad: InvalidField) -> Self {
        Self::InvalidFields(vec![bad])
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(_) | store::Error::SchemaMissing(_) => {
                Self::StoreUnavailable(error.into())
            }
            store::Error::Url(_)
            | store::Error::NotPrivate(_)
            | store::Error::File(_)
            | store::Error::NotDurable(_)
            | store::Error::Unfit(_)
            | store::Error::SchemaOutdated { .. }
            | store::Error::Migration(_)
            | store::Error::Corrupt(_)
            | store::Error::Statement(_) => Self::Internal(error.into()),
        }
    }
}

impl From<password::Error> for Error {
    fn from(error: password::Error) -> Self {
        match error {
            password::Error::Overloaded { retry_after } => Self::Overloaded(retry_after),
            password::Error::Broken => Self::Internal(error.into()),
        }
    }
}

/// The reserved attempt.
///
/// # Errors
/// No attempt was left, or the code is unknown.
pub(super) fn reserved<T>(reservation: Reservation<T>) -> Result<T, Error> {
    match reservation {
        Reservation::Reserved(reserved) => Ok(reserved),
        Reservation::Exhausted => Err(Error::ChallengeExhausted),
        Reservation::Invalid => Err(Error::ChallengeInvalid),
    }
}
