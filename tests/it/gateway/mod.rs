//! RPCs over plain HTTP: by the rules of google.api.http, Connect and gRPC-Web.

mod access;
mod addresses;
mod admin;
mod bodies;
pub mod client;
mod connect_get;
mod contract;
mod cors;
mod deadlines;
mod flow;
mod grpc_web;
mod headers;
mod logs;
mod methods;
mod pages;
mod same_as_grpc;
mod second_factor;
mod smuggling;
mod streams;
mod types;
pub mod ways;

use serde_json::{Value, json};

use crate::harness::{
    Server,
    oauth::{Answer, ask, bearer_header},
};

const JSON: &str = "Content-Type: application/json\r\n";

/// Posts JSON, with more headers.
async fn post(server: &Server, path: &str, headers: &str, body: &Value) -> Answer {
    ask(server, "POST", path, &format!("{JSON}{headers}"), &body.to_string()).await
}

/// The members of an answer that is none of an error.
fn good(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    checked(answer)
}

/// An error.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    status: u16,
    reason: String,
    /// The fields that are named.
    fields: Vec<String>,
}

impl Refused {
    fn of(status: u16, reason: &str, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Self { status, reason: reason.to_owned(), fields }
    }
}

/// The error of an answer. What holds for all of them is checked on the way.
fn refused(answer: &Answer) -> Refused {
    assert!(answer.status >= 400, "{answer:?}");
    let json = checked(answer);
    let detail = |kind: &str| {
        let name = format!("type.googleapis.com/google.rpc.{kind}");
        let details = json["details"].as_array().unwrap().iter();
        details.clone().find(|detail| detail["@type"] == name).cloned().unwrap_or_default()
    };
    let info = detail("ErrorInfo");
    assert_eq!(info["domain"], "countersign.dev", "{answer:?}");
    assert!(json["code"].as_i64().is_some_and(|code| code > 0), "{answer:?}");
    assert!(json["message"].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
    assert_eq!(detail("RequestInfo")["requestId"], answer.header("x-request-id"), "{answer:?}");
    let waits = !detail("RetryInfo").is_null();
    assert_eq!(waits, !answer.header("retry-after").is_empty(), "{answer:?}");
    let asks = answer.header("www-authenticate").starts_with("Bearer realm=");
    assert_eq!(answer.status == 401, asks && answer.status != 403, "{answer:?}");
    let violations = detail("BadRequest")["fieldViolations"].clone();
    let violations = violations.as_array().cloned().unwrap_or_default();
    let field = |violation: &Value| violation["field"].as_str().unwrap_or_default().to_owned();
    let (status, reason) = (answer.status, info["reason"].as_str().unwrap().to_owned());
    Refused { status, reason, fields: violations.iter().map(field).collect() }
}

/// The JSON of an answer, which no cache keeps, no browser takes for another type, and no other site may read.
fn checked(answer: &Answer) -> Value {
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    let opened = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(opened, None, "{answer:?}");
    assert!(answer.header("set-cookie").is_empty(), "{answer:?}");
    answer.json()
}

/// The members of a login.
fn login(username: &str, password: &str) -> Value {
    json!({ "username": username, "password": password })
}

/// The answer to GetMe with that token.
async fn me(server: &Server, token: &str) -> Answer {
    ask(server, "GET", "/v1/me", &bearer_header(token), "").await
}
