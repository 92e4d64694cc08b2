//! The body of an error: `google.rpc.Status` in JSON.

use serde_json::{Map, Value, json};

use super::{
    errors::Detail,
    failures::Failure,
    schemas::{duration, reference},
};

const TYPES: &str = "type.googleapis.com/google.rpc.";
/// `ErrorInfo.domain` of every error, unless it is set (`src/domain/error_domain.rs`).
const DOMAIN: &str = "countersign.dev";
const REQUEST: &str = "7b1f3c52a6d94f0e8c37";

/// The body of an error.
pub(super) fn error(Failure { code, reason }: &Failure) -> Value {
    let (mut message, mut metadata, mut more) = (reason.text.to_owned(), json!({}), None);
    match reason.detail {
        Detail::Nothing => {}
        Detail::Field(field) => {
            if code.name == "INVALID_ARGUMENT" {
                message = format!("{field}: {}", reason.text);
            }
            let violation = json!({ "field": field, "description": reason.text });
            more = Some(detail("BadRequest", json!({ "fieldViolations": [violation] })));
        }
        Detail::Metadata(key, value) => metadata = json!({ key: value }),
        Detail::Retry(seconds) => {
            more = Some(detail("RetryInfo", json!({ "retryDelay": format!("{seconds}s") })));
        }
    }
    let mut info = json!({ "reason": reason.name, "domain": DOMAIN });
    if metadata != json!({}) {
        info["metadata"] = metadata;
    }
    let request = detail("RequestInfo", json!({ "requestId": REQUEST }));
    let details: Vec<_> =
        [Some(detail("ErrorInfo", info)), more, Some(request)].into_iter().flatten().collect();
    json!({ "code": code.number, "message": message, "details": details })
}

fn detail(kind: &str, fields: Value) -> Value {
    let mut detail = json!({ "@type": format!("{TYPES}{kind}") });
    if let (Some(detail), Value::Object(mut fields)) = (detail.as_object_mut(), fields) {
        detail.append(&mut fields);
    }
    detail
}

/// The schemas of an error's body. A detail has the fields of all types, since generators make the most of that; a type that they do
/// not know breaks no client.
pub(super) fn schemas() -> Map<String, Value> {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let object = |about: &str, required: &[&str], properties: Value| {
        let mut schema =
            json!({ "type": "object", "description": about, "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    };
    let status = json!({
        "code": { "type": "integer", "format": "int32", "description": "The number of the code (google.rpc.Code)." },
        "message": text("For people. It may change."),
        "details": {
            "type": "array",
            "description": "One ErrorInfo, one RequestInfo, and perhaps others.",
            "items": reference("Detail"),
        },
    });
    let mut delay = duration();
    delay["description"] = "RetryInfo: when to try again, such as \"1.5s\".".into();
    let detail = json!({
        "@type": text("\"type.googleapis.com/google.rpc.\" and ErrorInfo, BadRequest, RetryInfo or RequestInfo. Others may come."),
        "reason": text("ErrorInfo: what to branch on. A reason never changes its meaning."),
        "domain": text("ErrorInfo: whose reason it is."),
        "metadata": {
            "type": "object",
            "description": "ErrorInfo: the variable parts of the error.",
            "additionalProperties": { "type": "string" },
        },
        "fieldViolations": {
            "type": "array",
            "description": "BadRequest: the fields that are wrong.",
            "items": reference("FieldViolation"),
        },
        "retryDelay": delay,
        "requestId": text("RequestInfo: the id of the call, as in the service's log."),
    });
    let violation =
        json!({ "field": text("The field."), "description": text("What is wrong with it.") });
    let schemas = [
        (
            "Status",
            object("An error (google.rpc.Status).", &["code", "message", "details"], status),
        ),
        (
            "Detail",
            object("A detail of an error. Its type says which fields it has.", &["@type"], detail),
        ),
        ("FieldViolation", object("A field that is wrong.", &[], violation)),
    ];
    schemas.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect()
}
