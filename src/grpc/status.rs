//! Refusals in gRPC's form: a status with `google.rpc` details, and the pushback that clients obey.

use std::{collections::HashMap, error::Error as StdError, sync::OnceLock, time::Duration};

use tonic::{Status, metadata::MetadataValue};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    domain::{ErrorDomain, InvalidField},
    edge::{Code, Refusal},
    service::Error,
};

/// `ErrorInfo.domain` of every error. One for the process: it names the service, not the call.
static DOMAIN: OnceLock<ErrorDomain> = OnceLock::new();

/// Sets `ErrorInfo.domain`, once: before the first call.
pub fn name_errors(domain: ErrorDomain) {
    DOMAIN.get_or_init(|| domain);
}

/// The most bytes of an error's details. In base64 and beside the message they must stay under 8 KiB of headers: beyond
/// that, clients (grpcio, grpc-java) report another error instead. The additions of `request_info.rs` come on top.
const MAX_DETAILS: usize = 4500 - 200;
/// The overhead of a violation beside its texts, and of the details beside the violations.
const PER_VIOLATION: usize = 16;
/// The overhead of a variable part, with its name.
const PER_VARIABLE: usize = 32;
const PER_DETAILS: usize = 256;

/// The wait for clients with a retry policy, in milliseconds (gRFC A6).
pub(super) const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// A use case's error as its caller sees it. Logs it if it is the server's fault.
pub(super) fn status(error: Error) -> Status {
    refused(Refusal::from(error))
}

/// The same in a call that is no login.
pub(super) fn status_beside_a_login(error: Error) -> Status {
    refused(Refusal::from(error).beside_a_login())
}

/// A defect: the cause goes to the log, not to the caller.
pub(super) fn internal(error: &(dyn StdError + 'static)) -> Status {
    refused(Refusal::internal(error))
}

/// A refusal as a status. Clients with a retry policy obey the pushback only (gRFC A6), callers' own code reads
/// RetryInfo: both have the same wait. `bounds.rs` disables retries that would come after the caller's deadline.
pub(crate) fn refused(mut refusal: Refusal) -> Status {
    refusal.fields = those_that_fit(refusal.fields);
    let text = refusal.text();
    let metadata: HashMap<_, _> = refusal.variables().collect();
    let domain = DOMAIN.get_or_init(ErrorDomain::default).as_str();
    let mut details = ErrorDetails::with_error_info(refusal.reason, domain, metadata);
    for InvalidField { field, problem, .. } in refusal.fields {
        details.add_bad_request_violation(field, problem);
    }
    let pushback = refusal.retry_after.map(whole_millis);
    if let Some(millis) = pushback {
        details.set_retry_info(Some(Duration::from_millis(millis.unsigned_abs().into())));
    }
    let mut status = Status::with_error_details(to_tonic(refusal.code), text, details);
    if let Some(millis) = pushback {
        status.metadata_mut().insert(PUSHBACK, MetadataValue::from(millis));
    }
    status
}

/// As many fields as fit. The texts count twice, since the details contain the message, too; the names once more, in the metadata.
fn those_that_fit(mut fields: Vec<InvalidField>) -> Vec<InvalidField> {
    let mut bytes = 0;
    let fit = fields.iter().take_while(|field| {
        bytes += 2 * field.to_string().len() + PER_VIOLATION;
        bytes += field.field.len()
            + field
                .variable
                .as_ref()
                .map_or(0, |(_, value)| field.field.len() + PER_VARIABLE + value.len());
        bytes <= MAX_DETAILS - PER_DETAILS
    });
    fields.truncate(fit.count());
    fields
}

/// Rounded up, never too early. Above an `i32` it is no valid pushback, and clients would not retry at all.
fn whole_millis(wait: Duration) -> i32 {
    i32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}

/// No such RPC.
pub(super) fn unknown_rpc() -> Status {
    refused(Refusal::unknown_rpc())
}

/// The caller's deadline, or the server's own, has passed.
pub(super) fn deadline_exceeded() -> Status {
    refused(Refusal::deadline_exceeded())
}

/// The caller reset the stream before the request was complete: for the metrics.
pub(crate) fn cancelled() -> Status {
    refused(Refusal::new(Code::Cancelled, "CANCELLED", "the request broke off"))
}

/// The request is over the size limit.
pub(super) fn too_large(max_bytes: usize) -> Status {
    over_size("request", max_bytes)
}

/// A part of the request is over its size limit.
pub(super) fn over_size(part: &'static str, max_bytes: usize) -> Status {
    let problem = format!("must have at most {max_bytes} bytes in all");
    status(InvalidField::new(part, problem).with("max_bytes", max_bytes).into())
}

/// The request, or a header of it, is not valid gRPC.
pub(super) fn malformed(field: &'static str, problem: impl Into<String>) -> Status {
    status(InvalidField::new(field, problem).into())
}

/// A string of the request is not UTF-8 (proto3: "must always contain UTF-8").
pub(super) fn not_utf8(field: &'static str) -> Status {
    malformed(field, "must be UTF-8")
}

/// The request's compression is not supported. The answer lists the supported ones (gRPC compression).
pub(super) fn compression_unsupported() -> Status {
    let text = "the request's compression is not supported: send gzip or none";
    let mut status = refused(Refusal::new(Code::Unimplemented, "COMPRESSION_UNSUPPORTED", text));
    let accepted = MetadataValue::from_static("gzip,identity");
    status.metadata_mut().insert("grpc-accept-encoding", accepted);
    status
}

/// A health check of an unknown service.
pub(super) fn unknown_service() -> Status {
    refused(Refusal::new(Code::NotFound, "SERVICE_UNKNOWN", "there is no service of that name"))
}

/// Codes have the same names here and in tonic. The matches are exhaustive in both directions.
macro_rules! codes {
    ($($name:ident)+) => {
        fn to_tonic(code: Code) -> tonic::Code {
            match code { $(Code::$name => tonic::Code::$name),+ }
        }

        /// The code of a status.
        pub(crate) fn from_tonic(code: tonic::Code) -> Code {
            match code { $(tonic::Code::$name => Code::$name),+ }
        }
    };
}

codes! {
    Ok Cancelled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted
    FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated
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
        let refused = status(Error::TokenInvalid);
        assert!(refused.get_details_error_info().is_some());
        assert!(
            refused.get_details_retry_info().is_none()
                && refused.get_details_bad_request().is_none()
        );
        assert_eq!(header(refused, "grpc-retry-pushback-ms"), None);
    }

    #[test]
    fn what_is_variable_in_a_text_is_in_the_metadata() {
        let variables = |error| {
            let metadata = status(error).get_details_error_info().unwrap().metadata;
            let mut variables: Vec<_> = metadata.into_iter().collect();
            variables.sort();
            variables
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let too_long = InvalidField::new("user.username", "must have at most 5 bytes");
        let missing = InvalidField::new("email", "must be there");
        let bad = Error::InvalidFields(vec![too_long.with("max_bytes", 5), missing]);
        let told = [pair("fields", "user.username,email"), pair("user_username_max_bytes", "5")];
        assert_eq!(variables(bad), told);
        let denied = Error::PermissionMissing(crate::domain::Permission::Watch);
        assert_eq!(variables(denied), [pair("permission", "watch")]);
        assert_eq!(variables(Error::TokenInvalid), []);
    }

    /// Measured in base64, which is a third longer.
    #[test]
    fn the_details_of_any_number_of_bad_fields_fit_a_header() {
        for (number, length) in [(1, 20), (10, 300), (1000, 20), (3, 5000)] {
            let field = InvalidField::new("end_unverified_account", "é".repeat(length));
            let fields = vec![field.with("max_bytes", 1024); number];
            let bytes = header(status(Error::InvalidFields(fields)), "grpc-status-details-bin");
            assert!(bytes.unwrap().len() < 6000, "{number} of {length}");
        }
    }

    #[test]
    fn each_code_of_ours_is_the_one_of_that_number_and_name() {
        for number in 0..=16 {
            let code = tonic::Code::from(number);
            let ours = from_tonic(code);
            assert_eq!(to_tonic(ours), code);
            let name = format!("{ours:?}");
            assert_eq!(name, format!("{code:?}"));
            assert_eq!(ours.name().replace('_', "").to_lowercase(), name.to_lowercase());
        }
    }
}
