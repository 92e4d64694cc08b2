//! Responses: what a method answers, and its errors by HTTP status.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Result,
    errors::unused,
    failures::{Failure, of_any},
    schemas::reference,
    status::error,
};

/// What operations refer to: the `components.responses` and `components.examples` that were needed so far.
#[derive(Default)]
pub(super) struct Errors {
    pub(super) responses: Map<String, Value>,
    pub(super) examples: Map<String, Value>,
}

impl Errors {
    /// The responses of a method: of success, of the errors that its comment names, and of any others.
    pub(super) fn of(&mut self, success: Value, failures: &[Failure]) -> Result<Value> {
        let mut by_status = BTreeMap::<u16, Vec<Failure>>::new();
        for failure in failures {
            by_status.entry(failure.code.status).or_default().push(*failure);
        }
        let mut responses = Map::new();
        responses.insert("200".to_owned(), success);
        for (status, mut failures) in by_status {
            failures.sort_by_key(Failure::name);
            responses.insert(status.to_string(), self.response(status, &failures));
        }
        responses.insert("default".to_owned(), self.any()?);
        Ok(responses.into())
    }

    /// A reference to the response of these errors.
    fn response(&mut self, status: u16, failures: &[Failure]) -> Value {
        let names: Vec<_> = failures.iter().map(Failure::name).collect();
        let key = format!("{status}.{}", names.join("-").replace('/', "."));
        if !self.responses.contains_key(&key) {
            let mut response = json!({ "description": names.join(", ") });
            if let Some(header) = header(status) {
                let reference = format!("#/components/headers/{header}");
                response["headers"] = json!({ header: { "$ref": reference } });
            }
            response["content"] = self.content(failures);
            self.responses.insert(key.clone(), response);
        }
        json!({ "$ref": format!("#/components/responses/{key}") })
    }

    /// A reference to the response of any other error.
    fn any(&mut self) -> Result<Value> {
        let mut response = json!({ "description": "Any other error." });
        response["content"] = self.content(&of_any()?);
        self.responses.insert("Error".to_owned(), response);
        Ok(json!({ "$ref": "#/components/responses/Error" }))
    }

    fn content(&mut self, failures: &[Failure]) -> Value {
        let mut content = json!({ "schema": reference("Status") });
        let examples: Map<_, _> = failures.iter().map(|failure| self.example(failure)).collect();
        content["examples"] = examples.into();
        json!({ "application/json": content })
    }

    /// A reference to the example of an error, by its reason.
    fn example(&mut self, failure: &Failure) -> (String, Value) {
        let name = failure.name().replace('/', ".");
        let reference = json!({ "$ref": format!("#/components/examples/{name}") });
        self.examples.entry(name).or_insert_with(|| json!({ "value": error(failure) }));
        (failure.reason.name.to_owned(), reference)
    }

    /// # Errors
    /// A reason that no operation gives.
    pub(super) fn finish(&self) -> Result<()> {
        let named = self.examples.keys().filter_map(|name| Some(name.split_once('.')?.1));
        match unused(&named.collect::<Vec<_>>()) {
            Some(reason) => {
                Err(format!("no comment names the error {reason} of build/openapi/errors.rs"))
            }
            None => Ok(()),
        }
    }
}

/// A response without errors.
pub(super) fn success(description: &str, schema: &Value) -> Value {
    let content = json!({ "application/json": { "schema": schema } });
    json!({ "description": description, "content": content })
}

/// The header that goes with a status.
fn header(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    }
}

/// The `components.headers`.
pub(super) fn headers() -> Value {
    json!({
        "Retry-After": {
            "description": "In how many seconds to try again: RetryInfo, rounded up.",
            "schema": { "type": "integer", "minimum": 0 },
            "example": 30,
        },
        "WWW-Authenticate": {
            "description": "How to authenticate (RFC 6750, section 3).",
            "schema": { "type": "string" },
            "example": "Bearer",
        },
    })
}
