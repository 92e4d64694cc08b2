//! What an error says to a program.

use std::{fmt::Debug, time::Duration};

use tonic::Status;
use tonic_types::StatusExt as _;

/// The reason of an error; its domain is checked on the way.
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "auth.v1");
    info.reason.clone()
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
