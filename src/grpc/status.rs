//! Errors as callers see them: a canonical code, a fixed text, and `google.rpc` details to branch on.

use std::{collections::HashMap, error::Error as StdError, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{domain::InvalidField, service::Error, telemetry::chain};

/// `ErrorInfo.domain` of every error.
const DOMAIN: &str = "auth.v1";

/// What a caller is told to wait when the database is away.
const STORE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The one place where errors of the use cases become statuses, and where those that are ours are logged.
pub(super) fn status(error: Error) -> Status {
    match error {
        Error::InvalidFields(fields) => invalid_fields(fields),
        Error::InvalidCredentials => {
            unauthenticated("INVALID_CREDENTIALS", "the username or the password is not right")
        }
        Error::ChallengeInvalid => {
            unauthenticated("CHALLENGE_INVALID", "the challenge or the code is not valid")
        }
        Error::ChallengeExhausted => {
            unmet("CHALLENGE_EXHAUSTED", "there are no attempts left: begin again")
        }
        Error::RecoveryCodeNeeded => unmet(
            "FACTOR_UNAVAILABLE",
            "the second factor goes to the same mailbox: give a recovery code, or ask the operator; an account that never \
             verified the address can be ended (end_unverified_account)",
        ),
        Error::FactorUnavailable => unmet(
            "FACTOR_UNAVAILABLE",
            "no code is sent for this challenge: answer it with one of its factors",
        ),
        Error::CodesUsedUp => unmet(
            "FACTOR_UNAVAILABLE",
            "too many codes of this kind were wrong: use a recovery code, a device that has logged in before, or reset the password",
        ),
        Error::TwoFactorOff => unmet("TWO_FACTOR_OFF", "two-factor login is off: turn it on first"),
        Error::EmailUnverified => unmet(
            "EMAIL_UNVERIFIED",
            "the codes would go to an address that is not verified: verify it first, or enrol an app",
        ),
        Error::LoginAgainNeeded => reauthenticate("log in again with the second factor"),
        Error::FreshProofNeeded => reauthenticate("send second_factor, or log in again"),
        Error::EmailVerified => unmet(
            "EMAIL_VERIFIED",
            "the e-mail address is verified: it needs no code, and the account is not ended by one",
        ),
        Error::TokenInvalid => unauthenticated("TOKEN_INVALID", "the token is not valid"),
        Error::RefreshReused => unauthenticated(
            "REFRESH_REUSED",
            "the refresh token was used before: the session is over, log in again",
        ),
        Error::UsernameTaken => taken("username", "USERNAME_TAKEN", "the username is taken"),
        Error::EmailTaken => taken("email", "EMAIL_TAKEN", "the e-mail address is taken"),
        Error::Throttled(wait) => later(
            Code::ResourceExhausted,
            "THROTTLED",
            "too early or too often: try again later",
            wait,
        ),
        Error::Overloaded(wait) => {
            later(Code::ResourceExhausted, "OVERLOADED", "too busy: try again later", wait)
        }
        Error::StoreUnavailable(_) => store_unavailable(&error),
        Error::Internal(_) => internal(&error),
    }
}

/// The database is away: that is ours, and soon over.
fn store_unavailable(error: &Error) -> Status {
    tracing::warn!(error = %chain(error), "store unavailable");
    let text = "the service is not available for a moment: try again";
    later(Code::Unavailable, "STORE_UNAVAILABLE", text, STORE_RETRY_AFTER)
}

/// A defect: the log says what, the caller only that.
pub(super) fn internal(error: &(dyn StdError + 'static)) -> Status {
    tracing::error!(error = %chain(error), "internal error");
    plain(Code::Internal, "INTERNAL", "internal error")
}

/// There is no such RPC.
pub(super) fn unknown_rpc() -> Status {
    plain(Code::Unimplemented, "UNIMPLEMENTED", "there is no such RPC")
}

/// The caller's deadline, or the server's own, has passed.
pub(super) fn deadline_exceeded() -> Status {
    plain(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline has passed")
}

/// The request is over the size limit.
pub(super) fn too_large(max_bytes: usize) -> Status {
    let problem = format!("must have at most {max_bytes} bytes in all");
    invalid_fields(vec![InvalidField::new("request", problem)])
}

/// The request is not a message of its type.
pub(super) fn undecodable() -> Status {
    invalid_fields(vec![InvalidField::new("request", "must be a protobuf message of its type")])
}

fn invalid_fields(fields: Vec<InvalidField>) -> Status {
    let mut details = details("INVALID_FIELD");
    let mut texts = Vec::with_capacity(fields.len());
    for field in fields {
        texts.push(field.to_string());
        details.add_bad_request_violation(field.field, field.problem);
    }
    Status::with_error_details(Code::InvalidArgument, texts.join("; "), details)
}

/// Nothing shows who the caller is.
fn unauthenticated(reason: &'static str, text: &'static str) -> Status {
    plain(Code::Unauthenticated, reason, text)
}

/// The caller is right to ask, but something has to come first.
fn unmet(reason: &'static str, text: &'static str) -> Status {
    plain(Code::FailedPrecondition, reason, text)
}

/// The session, or its login, shows too little.
fn reauthenticate(text: &'static str) -> Status {
    unmet("REAUTHENTICATION_REQUIRED", text)
}

fn taken(field: &'static str, reason: &'static str, text: &'static str) -> Status {
    let mut details = details(reason);
    details.add_bad_request_violation(field, text);
    Status::with_error_details(Code::AlreadyExists, text, details)
}

fn later(code: Code, reason: &'static str, text: &'static str, wait: Duration) -> Status {
    let mut details = details(reason);
    details.set_retry_info(Some(wait));
    Status::with_error_details(code, text, details)
}

fn plain(code: Code, reason: &'static str, text: &'static str) -> Status {
    Status::with_error_details(code, text, details(reason))
}

fn details(reason: &'static str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}
