//! What an error says to a program.

use std::{fmt::Debug, time::Duration};

use tonic::Status;
use tonic_types::StatusExt as _;

/// The reason of an error. What holds for all of them is checked on the way: the domain, that details stay in the 6,000 bytes of
/// a header that every client takes, that RequestInfo names the call as the metadata does, and that whoever is told to wait by
/// RetryInfo is told the same by the pushback, or not to retry.
pub fn reason(status: &Status) -> String {
    assert!(status.details().len().div_ceil(3) * 4 < 6000, "{status:?}");
    let details = status.get_error_details();
    let call = details.request_info().map(|info| info.request_id.as_str());
    assert!(call.is_some_and(|id| !id.is_empty()), "no RequestInfo: {status:?}");
    // At the end of a stream the metadata is its trailers: its headers had the id.
    if let Some(id) = status.metadata().get("x-request-id") {
        assert_eq!(Some(id.to_str().unwrap()), call);
    }
    let retry =
        details.retry_info().map(|retry| retry.retry_delay.unwrap().as_millis().to_string());
    let pushback = status.metadata().get("grpc-retry-pushback-ms");
    if retry.is_none() || pushback.is_none_or(|text| text != "-1") {
        assert_eq!(pushback.map(|text| text.to_str().unwrap().to_owned()), retry, "{status:?}");
    }
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "countersign.dev");
    info.reason.clone()
}

/// The details of an error, byte for byte but for the id of its call: by that any two answers differ.
pub fn details(status: &Status) -> Vec<u8> {
    let id = status.get_details_request_info().unwrap().request_id;
    let mut details = status.details().to_vec();
    let place = details.windows(id.len()).position(|bytes| bytes == id.as_bytes()).unwrap();
    details[place..place + id.len()].fill(b'-');
    details
}

/// The reason of an answer that must be an error.
pub fn reason_of<T: Debug>(answer: Result<T, Status>) -> String {
    reason(&answer.unwrap_err())
}

/// How long a refusal says to wait; it must be THROTTLED.
pub fn wait<T: Debug>(answer: Result<T, Status>) -> Duration {
    let refused = answer.unwrap_err();
    assert_eq!(reason(&refused), "THROTTLED");
    refused.get_error_details().retry_info().unwrap().retry_delay.unwrap()
}

/// The fields that an error names.
pub fn violations(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone());
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}
