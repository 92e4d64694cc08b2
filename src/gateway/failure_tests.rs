//! What an error becomes on HTTP.

use std::time::Instant;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::*;
use crate::domain::RequestId;

/// google/rpc/code.proto: each number, name and status of HTTP.
const CODES: [(i32, &str, u16); 17] = [
    (0, "OK", 200),
    (1, "CANCELLED", 499),
    (2, "UNKNOWN", 500),
    (3, "INVALID_ARGUMENT", 400),
    (4, "DEADLINE_EXCEEDED", 504),
    (5, "NOT_FOUND", 404),
    (6, "ALREADY_EXISTS", 409),
    (7, "PERMISSION_DENIED", 403),
    (8, "RESOURCE_EXHAUSTED", 429),
    (9, "FAILED_PRECONDITION", 400),
    (10, "ABORTED", 409),
    (11, "OUT_OF_RANGE", 400),
    (12, "UNIMPLEMENTED", 501),
    (13, "INTERNAL", 500),
    (14, "UNAVAILABLE", 503),
    (15, "DATA_LOSS", 500),
    (16, "UNAUTHENTICATED", 401),
];

#[test]
fn every_code_has_the_status_that_google_says() {
    for (number, name, status) in CODES {
        assert_eq!(http_status(Code::from(number)).as_u16(), status, "{name}");
    }
}

/// The build script has a table of its own, for the document.
#[test]
fn the_openapi_document_has_the_same_statuses() {
    let table = include_str!("../../build/openapi/errors.rs");
    let rows = table.split("\n    code(\"").skip(1).map(|row| row.split(')').next().unwrap());
    let rows: Vec<_> = rows.map(|row| row.replace(['"', ','], "")).collect();
    for row in &rows {
        let known = CODES.map(|(number, name, status)| format!("{name} {number} {status}"));
        assert!(known.contains(row), "{row}");
    }
    assert!(rows.len() >= 12, "{rows:?}");
}

/// The answer to a request with that token.
async fn answer(failure: Failure, authorization: Option<&'static str>) -> (Response<()>, Value) {
    let mut request = http::Request::new(());
    let id = RequestId::parse("edge-1").unwrap();
    request.extensions_mut().insert(Context::of_nobody(None, Instant::now(), id));
    let value = authorization.map(HeaderValue::from_static);
    request.headers_mut().extend(value.map(|value| (AUTHORIZATION, value)));
    let (head, body) = failure.into_response(&request.into_parts().0).into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(head, ()), serde_json::from_slice(&body).unwrap())
}

fn refused(error: crate::service::Error) -> Failure {
    Refusal::from(error).into()
}

#[tokio::test]
async fn the_body_is_a_status_with_its_details_and_nobody_may_store_it() {
    let field = InvalidField::new("username", "must be there");
    let (head, json) = answer(field.into(), None).await;
    assert_eq!(head.status(), 400);
    assert_eq!(head.headers()["content-type"], "application/json");
    assert_eq!(head.headers()["cache-control"], "no-store");
    assert_eq!(head.headers()["x-content-type-options"], "nosniff");
    let expected = json!({
        "code": 3,
        "message": "username: must be there",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "INVALID_FIELD",
                "domain": "countersign.dev",
                "metadata": { "fields": "username" },
            },
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": "username", "description": "must be there" }],
            },
            { "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "edge-1" },
        ],
    });
    assert_eq!(json, expected);
}

#[tokio::test]
async fn retry_after_is_in_whole_seconds_and_never_too_early() {
    for (millis, seconds) in [(1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")] {
        let wait = Duration::from_millis(millis);
        let (head, json) = answer(refused(crate::service::Error::Throttled(wait)), None).await;
        assert_eq!(
            (head.status().as_u16(), &head.headers()[RETRY_AFTER]),
            (429, &seconds.parse().unwrap())
        );
        let kinds: Vec<_> = json["details"].as_array().unwrap().iter().collect();
        let is_retry = |kind: &&&Value| kind["@type"] == "type.googleapis.com/google.rpc.RetryInfo";
        assert!(kinds.iter().any(|kind| is_retry(&kind)), "{json}");
    }
    let (head, _) = answer(refused(crate::service::Error::TokenInvalid), None).await;
    assert!(head.headers().get(RETRY_AFTER).is_none());
}

/// RFC 6750, section 3.1: without a token there is no error in it.
#[tokio::test]
async fn a_bearer_token_is_asked_for_as_rfc_6750_has_it() {
    use crate::{domain::Permission, service::Error};
    let plain = "Bearer realm=\"countersign\"";
    for (error, given, status, expected) in [
        (Error::TokenInvalid, None, 401, Some(plain.to_owned())),
        (
            Error::TokenInvalid,
            Some("Bearer x"),
            401,
            Some(format!("{plain}, error=\"invalid_token\"")),
        ),
        (Error::InvalidCredentials, None, 401, Some(plain.to_owned())),
        (Error::InvalidCredentials, Some("Bearer x"), 401, Some(plain.to_owned())),
        (
            Error::PermissionMissing(Permission::Admin),
            Some("Bearer x"),
            403,
            Some(format!("{plain}, error=\"insufficient_scope\"")),
        ),
        (Error::UsernameTaken, Some("Bearer x"), 409, None),
    ] {
        let (head, json) = answer(refused(error), given).await;
        let asked = head.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
        assert_eq!((head.status().as_u16(), asked), (status, expected.as_deref()), "{json}");
    }
}

#[tokio::test]
async fn requests_that_reach_no_rpc_have_a_status_of_their_own() {
    for (failure, status, code, field) in [
        (Failure::path(), 404, 12, ""),
        (Failure::method("GET, POST"), 405, 3, "method"),
        (Failure::media_type("application/json"), 415, 3, "content-type"),
        (Failure::compressed(), 415, 3, "content-encoding"),
        (Failure::too_large(5), 413, 3, "body"),
    ] {
        let is_method = field == "method";
        let (head, json) = answer(failure, None).await;
        assert_eq!((head.status().as_u16(), &json["code"]), (status, &json!(code)), "{json}");
        let named = json["details"][1]["fieldViolations"][0]["field"].as_str();
        assert_eq!(named.unwrap_or_default(), field);
        let allow = head.headers().get(ALLOW).map(|value| value.to_str().unwrap());
        assert_eq!(allow, is_method.then_some("GET, POST"));
    }
}

/// A status that was made elsewhere, without details.
#[tokio::test]
async fn an_error_without_details_is_one_nevertheless() {
    let (head, json) = answer(Status::unknown("the stream broke off").into(), None).await;
    assert_eq!((head.status().as_u16(), &json["code"]), (500, &json!(2)));
    assert_eq!(json["message"], "the stream broke off");
}
