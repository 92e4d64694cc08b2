//! What an error says to a program.

use tonic::Status;
use tonic_types::StatusExt as _;

/// The reason of an error; its domain is checked on the way.
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "auth.v1");
    info.reason.clone()
}

/// The fields that an error names.
pub fn violations(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone());
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}
