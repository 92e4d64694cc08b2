//! `google.rpc.RequestInfo` in every error: a bug report can name the call.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use prost::Message as _;
use prost_types::Any;
use tonic::{
    Code, Status,
    codegen::http::{HeaderMap, HeaderName, HeaderValue},
};
use tonic_types::pb;

use crate::domain::RequestId;

const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const TYPE_URL: &str = "type.googleapis.com/google.rpc.RequestInfo";

/// Adds the request id to the details of an error, in the headers or trailers that hold it. Other statuses stay
/// unchanged.
pub(super) fn add(status: &Status, holds_it: &mut HeaderMap, request_id: &RequestId) {
    if status.code() == Code::Ok {
        return;
    }
    let info = pb::RequestInfo { request_id: request_id.to_string(), ..Default::default() };
    let info = Any { type_url: TYPE_URL.to_owned(), value: info.encode_to_vec() };
    let mut more = pb::Status { details: vec![info], ..Default::default() };
    if status.details().is_empty() {
        (more.code, more.message) = (status.code().into(), status.message().to_owned());
    }
    // Concatenated messages merge, with the repeated fields of both (Protobuf encoding, "Last One Wins").
    let details = [status.details(), &more.encode_to_vec()].concat();
    if let Ok(details) = HeaderValue::try_from(STANDARD_NO_PAD.encode(details)) {
        holds_it.insert(DETAILS, details);
    }
}

/// The status with the request id among its details: of a call that reaches no RPC.
pub(crate) fn with_request_id(status: Status, request_id: &RequestId) -> Status {
    let mut headers = HeaderMap::new();
    if status.add_header(&mut headers).is_err() {
        return status;
    }
    add(&status, &mut headers, request_id);
    Status::from_header_map(&headers).unwrap_or(status)
}

#[cfg(test)]
mod tests {
    use tonic::body::Body;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    /// The status that a caller receives, with the id added.
    fn arrives(status: Status) -> Status {
        let mut headers = status.into_http::<Body>().headers().clone();
        let status = Status::from_header_map(&headers).unwrap();
        add(&status, &mut headers, &RequestId::parse("edge-1").unwrap());
        Status::from_header_map(&headers).unwrap()
    }

    #[test]
    fn the_other_details_stay() {
        let mut details = ErrorDetails::with_error_info("REASON", "countersign.dev", []);
        details.add_bad_request_violation("username", "must be there");
        let status =
            arrives(Status::with_error_details(Code::InvalidArgument, "é: bad", details.clone()));
        let told = status.get_error_details();
        assert_eq!(told.request_info().unwrap().request_id, "edge-1");
        assert_eq!(told.error_info().unwrap().reason, "REASON");
        assert_eq!(told.bad_request().unwrap().field_violations.len(), 1);
        let whole = pb::Status::decode(status.details()).unwrap();
        assert_eq!((whole.code, whole.message.as_str()), (3, "é: bad"));
        assert_eq!(status.message(), "é: bad");
    }

    #[test]
    fn an_error_without_details_gets_some() {
        let status = arrives(Status::not_found("nothing"));
        let whole = pb::Status::decode(status.details()).unwrap();
        assert_eq!((whole.code, whole.message.as_str()), (5, "nothing"));
        assert_eq!(status.get_details_request_info().unwrap().request_id, "edge-1");
    }

    #[test]
    fn what_is_no_error_stays_as_it_is() {
        assert!(arrives(Status::ok("")).details().is_empty());
    }
}
