//! The OpenAPI document says what the service does: its RPCs, who may call them, and their errors.

use std::{collections::BTreeSet, fs, path::Path};

use countersign::{
    edge::{Need, Rpc, TABLE},
    pb::{DESCRIPTORS, OPENAPI},
};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::{Value, json};

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// The operations, with their ids.
fn operations(document: &Value) -> Vec<(&str, &Value)> {
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|verbs| verbs.as_object().unwrap().values());
    operations.map(|of| (of["operationId"].as_str().unwrap(), of)).collect()
}

/// Those of an RPC. The first has its name, and others one that begins so; no RPC's name begins with another's.
fn of_rpc<'a>(operations: &[(&str, &'a Value)], path: &str) -> Vec<&'a Value> {
    let name = path.strip_prefix("/auth.v1.").unwrap().replace('/', "");
    let its = operations.iter().filter(|(id, _)| id.starts_with(&name));
    its.map(|(_, operation)| *operation).collect()
}

/// The response of an operation to errors of that HTTP status; null if there are none.
fn response<'a>(document: &'a Value, operation: &Value, status: &str) -> &'a Value {
    let name = operation["responses"][status]["$ref"].as_str();
    let name = name.and_then(|name| name.strip_prefix("#/components/responses/"));
    name.map_or(&Value::Null, |name| &document["components"]["responses"][name])
}

/// The text of a file of the repository.
fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_rpc_but_the_streams_is_an_operation() {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let services = files.iter().filter(|of| of.package() == "auth.v1").flat_map(|of| &of.service);
    let document = document();
    let operations = operations(&document);
    for service in services {
        for method in &service.method {
            let path = format!("/auth.v1.{}/{}", service.name(), method.name());
            let streams = method.client_streaming() || method.server_streaming();
            assert_eq!(of_rpc(&operations, &path).is_empty(), streams, "{path}");
        }
    }
}

#[test]
fn operations_ask_for_the_token_that_the_access_table_asks_for() {
    let document = document();
    let operations = operations(&document);
    for Rpc { path, need, permission } in TABLE {
        let security = match (need, permission) {
            (Need::Bearer | Need::BearerOrRetry | Need::Permission(_), _) => {
                json!([{ "bearer": [] }])
            }
            (Need::Nothing | Need::Fields, Some(_)) => json!([{}, { "bearer": [] }]),
            (Need::Nothing | Need::Fields, None) => json!([]),
        };
        for operation in of_rpc(&operations, path) {
            assert_eq!(operation["security"], security, "{path}");
        }
    }
}

/// The codes and reasons in the table of docs/errors.md: a reason may have more codes than one.
fn documented() -> BTreeSet<(String, String)> {
    let page = text("docs/errors.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let mut found = BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.split(" | ").collect();
        if let [_, code, reasons] = cells[..] {
            let code = code.split([',', ' ']).next().unwrap();
            let reasons = reasons.split(", ").map(|reason| (code.to_owned(), reason.to_owned()));
            found.extend(reasons);
        }
    }
    found
}

#[test]
fn the_errors_are_those_that_the_documents_name() {
    let (document, documented) = (document(), documented());
    let examples = document["components"]["examples"].as_object().unwrap();
    assert!(examples.len() > 20, "{examples:?}");
    for (name, example) in examples {
        let (code, reason) = name.split_once('.').unwrap();
        let pair = (code.to_owned(), reason.to_owned());
        assert!(documented.contains(&pair), "docs/errors.md does not have {name}");
        assert_eq!(example["value"]["details"][0]["reason"], reason);
    }
}

#[test]
fn the_texts_of_errors_are_those_that_are_sent() {
    let sent = text("src/edge/refusal.rs").replace("\\\"", "\"");
    let document = document();
    for (name, example) in document["components"]["examples"].as_object().unwrap() {
        let text = example["value"]["message"].as_str().unwrap();
        // What is wrong with a field is said where the field is read.
        let is_known = name == "INVALID_ARGUMENT.INVALID_FIELD" || sent.contains(text);
        assert!(is_known, "src/edge/refusal.rs does not say {text:?} ({name})");
    }
}

#[test]
fn the_errors_of_an_operation_are_those_of_its_comment_and_of_its_service() {
    let document = document();
    let operations = operations(&document);
    for (path, status, named) in [
        (
            "/auth.v1.AuthService/Register",
            "409",
            "ALREADY_EXISTS/EMAIL_TAKEN, ALREADY_EXISTS/USERNAME_TAKEN",
        ),
        ("/auth.v1.AuthService/Login", "401", "UNAUTHENTICATED/INVALID_CREDENTIALS"),
        ("/auth.v1.AccountService/GetMe", "401", "UNAUTHENTICATED/TOKEN_INVALID"),
        ("/auth.v1.AdminService/UnlockUser", "404", "NOT_FOUND/USER_NOT_FOUND"),
        ("/auth.v1.AdminService/DeleteUser", "409", "ABORTED/ETAG_MISMATCH"),
    ] {
        for operation in of_rpc(&operations, path) {
            assert_eq!(response(&document, operation, status)["description"], named, "{path}");
        }
    }
    let list = of_rpc(&operations, "/auth.v1.AdminService/ListUsers");
    assert_eq!(list[0]["responses"]["404"], Value::Null, "no one user is asked for");
}

#[test]
fn refusals_that_may_be_repeated_say_when_and_those_of_a_token_say_how() {
    let document = document();
    for (id, operation) in operations(&document) {
        for (status, header) in
            [("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")]
        {
            let response = response(&document, operation, status);
            assert!(response.is_null() || !response["headers"][header].is_null(), "{id}: {status}");
        }
    }
}
