//! Errors of RPCs as HTTP has them: a status of its own, a few headers, and `google.rpc.Status` as JSON.

use std::{sync::LazyLock, time::Duration};

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ALLOW, AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE},
    request::Parts,
};
use prost::Message as _;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use tonic::{Code, Status};
use tonic_types::{StatusExt as _, pb};

use super::{answer, message};
use crate::{
    domain::{Context, InvalidField},
    edge::{Payload, Refusal},
    grpc,
};

/// The type of the JSON. A test reads it.
static STATUS: LazyLock<Option<MessageDescriptor>> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).ok()?;
    pool.get_message_by_name("google.rpc.Status")
});

/// An RPC's error, or a request that reaches none.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: Status,
    /// HTTP's status, where it is not that of the code.
    http: Option<StatusCode>,
    allow: Option<HeaderValue>,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self { status, http: None, allow: None }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        grpc::refused(refusal).into()
    }
}

impl From<InvalidField> for Failure {
    fn from(field: InvalidField) -> Self {
        Refusal::from(crate::service::Error::from(field)).into()
    }
}

impl Failure {
    /// There is nothing at the path.
    pub(super) fn path() -> Self {
        Self { http: Some(StatusCode::NOT_FOUND), ..Refusal::unknown_rpc().into() }
    }

    /// The path has these methods.
    pub(super) fn method(allowed: &str) -> Self {
        let allow = HeaderValue::try_from(allowed).ok();
        let problem = format!("must be {allowed}");
        let refused = InvalidField::new("method", problem).with("allowed", allowed);
        Self { http: Some(StatusCode::METHOD_NOT_ALLOWED), allow, ..refused.into() }
    }

    /// The body is of another type.
    pub(super) fn media_type(must_be: &str) -> Self {
        let refused = InvalidField::new("content-type", format!("must be {must_be}"));
        let refused = refused.with("allowed", must_be);
        Self { http: Some(StatusCode::UNSUPPORTED_MEDIA_TYPE), ..refused.into() }
    }

    /// The body is compressed (RFC 9110, section 8.4).
    pub(super) fn compressed() -> Self {
        let refused = InvalidField::new("content-encoding", "must be absent: send it uncompressed");
        Self { http: Some(StatusCode::UNSUPPORTED_MEDIA_TYPE), ..refused.into() }
    }

    /// The body is larger than that.
    pub(super) fn too_large(max_bytes: usize) -> Self {
        let refused = InvalidField::new("body", format!("must have at most {max_bytes} bytes"));
        let refused = refused.with("max_bytes", max_bytes);
        Self { http: Some(StatusCode::PAYLOAD_TOO_LARGE), ..refused.into() }
    }

    /// With the id of the request, which an RPC's error has.
    pub(super) fn of_request(self, head: &Parts) -> Self {
        let Some(context) = head.extensions.get::<Context>() else { return self };
        let is_told = self.status.get_details_request_info().is_some();
        let status = self.status;
        let status =
            if is_told { status } else { grpc::with_request_id(status, &context.request_id) };
        Self { status, ..self }
    }

    /// The answer, to a request with this head.
    pub(super) fn into_response(self, head: &Parts) -> Response<Payload> {
        let failure = self.of_request(head);
        let json = STATUS.as_ref().and_then(|of| message::decode(of, &failure.whole()).ok());
        let mut response = answer::json(json.unwrap_or_default());
        failure.head(&mut response, &head.headers);
        response
    }

    /// Sets the status and the headers.
    pub(super) fn head(&self, response: &mut Response<Payload>, asked: &HeaderMap) {
        *response.status_mut() = self.http.unwrap_or_else(|| http_status(self.status.code()));
        let challenge = challenge(&self.status, response.status(), asked);
        let headers = response.headers_mut();
        headers.extend(self.allow.clone().map(|methods| (ALLOW, methods)));
        headers.extend(challenge.map(|text| (WWW_AUTHENTICATE, HeaderValue::from_static(text))));
        headers.extend(self.retry_after().map(|wait| (RETRY_AFTER, wait)));
    }

    /// The encoded `google.rpc.Status`.
    pub(super) fn whole(&self) -> Vec<u8> {
        if !self.status.details().is_empty() {
            return self.status.details().to_vec();
        }
        let (code, message) = (self.status.code().into(), self.status.message().to_owned());
        pb::Status { code, message, details: Vec::new() }.encode_to_vec()
    }

    /// In whole seconds, never too early.
    fn retry_after(&self) -> Option<HeaderValue> {
        let wait = self.status.get_details_retry_info()?.retry_delay?;
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Some(HeaderValue::from(seconds.max(Duration::from_secs(1).as_secs())))
    }
}

/// Of RFC 6750, section 3. A 401 has one in any case (RFC 9110, section 15.5.2).
fn challenge(status: &Status, http: StatusCode, asked: &HeaderMap) -> Option<&'static str> {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    match (http, reason.as_str()) {
        (StatusCode::UNAUTHORIZED, "TOKEN_INVALID") if asked.contains_key(AUTHORIZATION) => {
            Some("Bearer realm=\"countersign\", error=\"invalid_token\"")
        }
        (StatusCode::UNAUTHORIZED, _) => Some("Bearer realm=\"countersign\""),
        (StatusCode::FORBIDDEN, "PERMISSION_MISSING") => {
            Some("Bearer realm=\"countersign\", error=\"insufficient_scope\"")
        }
        _ => None,
    }
}

/// HTTP's status of a code, as google/rpc/code.proto has it.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod failure_tests;
