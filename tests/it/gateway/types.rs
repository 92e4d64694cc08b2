//! Values of wrong types, in every field of every request: each is refused by its name, and none is an error of ours.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::{
    Refused,
    contract::{rpcs, rules},
    post, refused,
    ways::of_connect,
};
use crate::{
    admin::official,
    harness::{
        Backend, Server,
        oauth::{ask, bearer_header},
    },
};

fn values() -> [Value; 9] {
    [
        json!([]),
        json!([null]),
        json!(["x"]),
        json!({}),
        json!(5),
        json!(1.5),
        json!("x"),
        json!(true),
        Value::Null,
    ]
}

/// Whether ProtoJSON has such a value for the field.
fn is_right(field: &FieldDescriptor, value: &Value) -> bool {
    let of_list = field.is_list();
    if let Value::Array(values) = value {
        return of_list
            && values.iter().all(|value| !value.is_null() && one_is_right(field, value));
    }
    value.is_null() || !of_list && one_is_right(field, value)
}

fn one_is_right(field: &FieldDescriptor, value: &Value) -> bool {
    let kind = field.kind();
    match kind.as_message().map(MessageDescriptor::full_name) {
        Some("google.protobuf.FieldMask") => value.is_string(),
        Some("google.protobuf.Timestamp") => false,
        Some(_) => value.is_object(),
        None if kind == Kind::String => value.is_string(),
        None if kind == Kind::Bool => value.is_boolean(),
        None if kind == Kind::Int32 || kind.as_enum().is_some() => value.is_i64(),
        None => panic!("say what is right for {kind:?}"),
    }
}

/// Every field of a message and of those in it, as the JSON around a value and the path of that.
fn fields(message: &MessageDescriptor, path: &str) -> Vec<(String, FieldDescriptor)> {
    let mut all = Vec::new();
    for field in message.fields() {
        let at = if path.is_empty() {
            field.json_name().to_owned()
        } else {
            format!("{path}.{}", field.json_name())
        };
        if let Kind::Message(inner) = field.kind()
            && inner.package_name() == "auth.v1"
            && !field.is_list()
        {
            all.extend(fields(&inner, &at));
        }
        all.push((at, field));
    }
    all
}

fn around(path: &str, value: &Value) -> Value {
    path.rsplit('.').fold(value.clone(), |inner, name| json!({ name: inner }))
}

#[tokio::test]
async fn every_field_of_every_rpc_is_refused_by_its_name() {
    let server = Server::start(Backend::Sqlite).await;
    let (_, admin) = official(&server, "admin").await;
    let headers = bearer_header(&admin.access_token);
    let mut wrong = 0;
    for rpc in rpcs() {
        for (path, field) in fields(&rpc.input, "") {
            for value in values() {
                let answer = post(&server, &rpc.path, &headers, &around(&path, &value)).await;
                assert!(answer.status < 500, "{} {path} {value}: {answer:?}", rpc.path);
                if !is_right(&field, &value) {
                    let verdict = of_connect(&answer.json());
                    let found = (answer.status, &*verdict.reason, verdict.fields);
                    assert_eq!(
                        found,
                        (400, "INVALID_FIELD", vec![path.clone()]),
                        "{} {value}",
                        rpc.path
                    );
                    wrong += 1;
                }
            }
        }
    }
    assert!(wrong > 500, "{wrong}");
}

#[tokio::test]
async fn every_body_and_every_query_of_every_rule_is_refused_by_its_names() {
    let server = Server::start(Backend::Sqlite).await;
    let (_, admin) = official(&server, "admin").await;
    let headers = bearer_header(&admin.access_token);
    for (rpc, rule) in rules() {
        let path = rule.at("x");
        let json = format!("Content-Type: application/json\r\n{headers}");
        if rule.body.is_empty() {
            let answer = ask(&server, &rule.method, &path, &json, "{}").await;
            assert_eq!(refused(&answer), Refused::of(400, "INVALID_FIELD", &["body"]), "{path}");
            for (at, field) in
                fields(&rpc.input, "").into_iter().filter(|(at, _)| !rule.path.contains(at))
            {
                let texts = [Kind::String, Kind::Bool].contains(&field.kind());
                let text = if field.kind() == Kind::Bool { "x" } else { "" };
                let answer =
                    ask(&server, &rule.method, &format!("{path}?{at}={text}"), &headers, "").await;
                assert!(answer.status < 500, "{path} {at}: {answer:?}");
                if !texts || field.kind() == Kind::Bool {
                    let fields = refused(&answer).fields;
                    assert_eq!(fields, [at], "{path}: {answer:?}");
                }
            }
            continue;
        }
        for body in ["[]", "null", "5", "\"x\"", "true", "[{}]"] {
            let answer = ask(&server, &rule.method, &path, &json, body).await;
            assert_eq!(
                refused(&answer),
                Refused::of(400, "INVALID_FIELD", &["body"]),
                "{path} {body}"
            );
        }
    }
}

/// A value is never repeated: it may be a secret in a field of another name.
#[tokio::test]
async fn what_was_sent_is_not_in_the_answer() {
    let server = Server::start(Backend::Sqlite).await;
    for body in [
        "{\"password\": [\"canary\"]}",
        "{\"password\": {\"canary\": \"canary\"}}",
        "{\"twoFactor\": \"canary\"}",
        "{\"password\": \"canary\", \"password\": \"canary\"}",
        "{\"password\": \"canary\", \"unknown\": \"canary\"}",
        "{\"password\": \"canary",
        "{\"password\": canary}",
        "\"canary\"",
        "canary",
    ] {
        for path in ["/v1/users:register", "/auth.v1.AuthService/Register"] {
            let headers = "Content-Type: application/json\r\n";
            let answer = ask(&server, "POST", path, headers, body).await;
            assert_eq!(answer.status, 400, "{body}");
            assert!(!format!("{answer:?}").contains("canary"), "{body}: {answer:?}");
        }
    }
}
