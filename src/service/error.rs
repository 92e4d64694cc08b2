//! Why a use case did not do what it was asked, by what the caller can do about it.

use std::time::Duration;

use crate::{
    domain::InvalidField,
    password,
    store::{self, Reservation},
};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error of a use case. What callers read is fixed by the transport; sources are for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields that do not pass; all of them.
    #[error("some fields are not valid")]
    InvalidFields(Vec<InvalidField>),
    /// Unknown user, wrong password or disabled account: nothing tells which.
    #[error("the credentials are not valid")]
    InvalidCredentials,
    /// A wrong, used, expired or unknown code or challenge: nothing tells which.
    #[error("the challenge or the code is not valid")]
    ChallengeInvalid,
    /// The challenge, the id or the enrolment has no attempts left.
    #[error("there are no attempts left")]
    ChallengeExhausted,
    /// One mailbox would count as two factors, and no recovery code was given.
    #[error("the only second factor is the mailbox itself")]
    RecoveryCodeNeeded,
    /// The challenge is not answered by a code that is sent.
    #[error("no code is sent for this challenge")]
    FactorUnavailable,
    /// So many codes of that kind were wrong that strangers can log in with another factor only.
    #[error("too many wrong codes")]
    CodesUsedUp,
    /// There is no second factor that the request could be about.
    #[error("the second factor is off")]
    TwoFactorOff,
    /// Codes would go to an address that nobody has shown to be theirs.
    #[error("the e-mail address is not verified")]
    EmailUnverified,
    /// The second factor is on, and the session that asks has not used it.
    #[error("the session has not used the second factor")]
    LoginAgainNeeded,
    /// The login is a while ago, and no second factor came beside the password.
    #[error("a fresh proof is needed")]
    FreshProofNeeded,
    /// The address has been shown to be the user's: there is nothing to verify, and no account to end.
    #[error("the e-mail address is verified")]
    EmailVerified,
    /// A bearer or refresh token that is not ours, has expired, or whose session has ended: nothing tells which.
    #[error("the token is not valid")]
    TokenInvalid,
    /// A refresh token that was used before; its session is over.
    #[error("the refresh token was used before")]
    RefreshReused,
    /// Another user has that username.
    #[error("the username is taken")]
    UsernameTaken,
    /// Another user has that e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Too early or too often.
    #[error("too early")]
    Throttled(Duration),
    /// More work than the machine can do.
    #[error("overloaded")]
    Overloaded(Duration),
    /// The database is away.
    #[error("the store is unavailable")]
    StoreUnavailable(#[source] Source),
    /// A defect, or something broken on our side.
    #[error("internal error")]
    Internal(#[source] Source),
}

/// The only field, or the only one that is bad.
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

/// What an attempt was spent on.
///
/// # Errors
/// There was no attempt to spend.
pub(super) fn reserved<T>(reservation: Reservation<T>) -> Result<T, Error> {
    match reservation {
        Reservation::Reserved(reserved) => Ok(reserved),
        Reservation::Exhausted => Err(Error::ChallengeExhausted),
        Reservation::Invalid => Err(Error::ChallengeInvalid),
    }
}
