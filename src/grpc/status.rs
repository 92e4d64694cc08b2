//! Errors as callers see them: a canonical code, a fixed text, and `google.rpc` details to branch on.

use std::{
    borrow::Cow,
    collections::HashMap,
    error::Error as StdError,
    time::{Duration, Instant},
};

use tonic::{Code, Status, metadata::MetadataValue};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    domain::InvalidField,
    service::Error,
    store,
    telemetry::{Seldom, chain},
};

/// `ErrorInfo.domain` of every error.
const DOMAIN: &str = "auth.v1";

/// The most that an error's details may have, in bytes. In base64 and beside the message they must stay under 8 KiB of headers:
/// with more, clients (grpcio, grpc-java) report another error instead.
/// What is added to every error (`request_info.rs`) comes on top.
const MAX_DETAILS: usize = 4500 - 200;
/// What a violation takes beside its texts, and what there is beside the violations.
const PER_VIOLATION: usize = 16;
const PER_DETAILS: usize = 256;

/// What clients with a retry policy are told to wait, in milliseconds (gRFC A6).
pub(super) const PUSHBACK: &str = "grpc-retry-pushback-ms";

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

/// While the store is away every call fails by it, and readiness tells of it: a line for each would say nothing more. It is of the
/// log alone, and of the process, as the log is.
static AWAY: Seldom = Seldom::every(Duration::from_secs(10));

/// The database is away: that is ours, and soon over.
fn store_unavailable(error: &Error) -> Status {
    let Failed { operation, sqlstate } = Failed::of(error);
    let (error, sqlstate) = (chain(error), sqlstate.as_deref());
    match AWAY.passes(Instant::now()) {
        Some(not_told) => {
            tracing::warn!(operation, sqlstate, %error, not_told, "store unavailable");
        }
        None => tracing::debug!(operation, sqlstate, %error, "store unavailable"),
    }
    let text = "the service is not available for a moment: try again";
    later(Code::Unavailable, "STORE_UNAVAILABLE", text, STORE_RETRY_AFTER)
}

/// A defect: the log says what, the caller only that.
pub(super) fn internal(error: &(dyn StdError + 'static)) -> Status {
    let Failed { operation, sqlstate } = Failed::of(error);
    let sqlstate = sqlstate.as_deref();
    tracing::error!(operation, sqlstate, error = %chain(error), "internal error");
    plain(Code::Internal, "INTERNAL", "internal error")
}

/// The operation of the store that an error comes from, and what the database refused it with, if it did.
#[derive(Default)]
struct Failed<'a> {
    operation: Option<&'static str>,
    sqlstate: Option<Cow<'a, str>>,
}

impl<'a> Failed<'a> {
    fn of(error: &'a (dyn StdError + 'static)) -> Self {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref::<store::Error>())
            .map(|error| Self { operation: error.operation(), sqlstate: error.sqlstate() })
            .unwrap_or_default()
    }
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

/// The request, or a header of it, is not what gRPC is made of.
pub(super) fn malformed(field: &'static str, problem: impl Into<String>) -> Status {
    invalid_fields(vec![InvalidField::new(field, problem)])
}

/// A string of the request is none (proto3: "must always contain UTF-8").
pub(super) fn not_utf8(field: &'static str) -> Status {
    malformed(field, "must be UTF-8")
}

/// The request is compressed in a way that nobody announced. What is, goes with it (gRPC compression, "specification").
pub(super) fn compression_unsupported() -> Status {
    let text = "the request's compression is not supported: send gzip or none";
    let mut status = plain(Code::Unimplemented, "COMPRESSION_UNSUPPORTED", text);
    let accepted = MetadataValue::from_static("gzip,identity");
    status.metadata_mut().insert("grpc-accept-encoding", accepted);
    status
}

/// The health of a service that there is not was asked for.
pub(super) fn unknown_service() -> Status {
    plain(Code::NotFound, "SERVICE_UNKNOWN", "there is no service of that name")
}

/// The caller went away before all of the request was there: this is for the metrics.
pub(super) fn cancelled() -> Status {
    plain(Code::Cancelled, "CANCELLED", "the request broke off")
}

/// All of them, or as many as fit. Twice their length goes into the details, which have the message in them, too.
fn invalid_fields(fields: Vec<InvalidField>) -> Status {
    let mut details = details("INVALID_FIELD");
    let (mut texts, mut bytes) = (Vec::with_capacity(fields.len()), 0);
    for field in fields {
        let text = field.to_string();
        bytes += 2 * text.len() + PER_VIOLATION;
        if bytes > MAX_DETAILS - PER_DETAILS {
            break;
        }
        texts.push(text);
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

/// Not now. Clients with a retry policy look at the pushback alone (gRFC A6), people's code at RetryInfo: both say the same, in
/// whole milliseconds and never too early. Where the caller's deadline is over by then, the edge asks for no retry instead.
fn later(code: Code, reason: &'static str, text: &'static str, wait: Duration) -> Status {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    // What is larger is no pushback to a client, and then it would not try again at all.
    let millis = i32::try_from(millis).unwrap_or(i32::MAX);
    let mut details = details(reason);
    details.set_retry_info(Some(Duration::from_millis(millis.unsigned_abs().into())));
    let mut status = Status::with_error_details(code, text, details);
    status.metadata_mut().insert(PUSHBACK, MetadataValue::from(millis));
    status
}

fn plain(code: Code, reason: &'static str, text: &'static str) -> Status {
    Status::with_error_details(code, text, details(reason))
}

fn details(reason: &'static str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(status: Status, name: &str) -> Option<String> {
        let answer = status.into_http::<tonic::body::Body>();
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn retry_info_and_the_pushback_say_the_same_and_never_too_little() {
        for (wait, millis) in [
            (Duration::from_secs(30), 30_000),
            (Duration::from_nanos(1), 1),
            (Duration::from_micros(1), 1),
            (Duration::from_micros(1_999_001), 2_000),
            (Duration::from_secs(u64::MAX), i32::MAX.unsigned_abs().into()),
        ] {
            for error in [Error::Throttled(wait), Error::Overloaded(wait)] {
                let status = status(error);
                let retry = status.get_details_retry_info().unwrap().retry_delay;
                assert_eq!(retry, Some(Duration::from_millis(millis)), "{wait:?}");
                let pushback = header(status, "grpc-retry-pushback-ms");
                assert_eq!(pushback, Some(millis.to_string()), "{wait:?}");
            }
        }
        let away = status(Error::StoreUnavailable("away".into()));
        assert_eq!(header(away, "grpc-retry-pushback-ms").as_deref(), Some("1000"));
        assert_eq!(header(status(Error::TokenInvalid), "grpc-retry-pushback-ms"), None);
    }

    /// Both in the header that holds them, where they are a third longer.
    #[test]
    fn the_details_of_any_number_of_bad_fields_fit_a_header() {
        for (number, length) in [(1, 20), (10, 300), (1000, 20), (3, 5000)] {
            let fields =
                vec![InvalidField::new("end_unverified_account", "é".repeat(length)); number];
            let bytes = header(status(Error::InvalidFields(fields)), "grpc-status-details-bin");
            assert!(bytes.unwrap().len() < 6000, "{number} of {length}");
        }
    }
}
