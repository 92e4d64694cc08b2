//! Messages: from JSON (ProtoJSON) to protobuf, and back.

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, SerializeOptions};
use serde_json::{Map, Value};

use super::json::{is_ours, shown, within};
use crate::domain::InvalidField;

/// The protobuf of a message.
///
/// # Errors
/// The first field whose value is not of its type, by its path.
pub(super) fn encode(
    message: &MessageDescriptor,
    object: &Map<String, Value>,
) -> Result<Vec<u8>, InvalidField> {
    let parsed = parse(message, object).map_err(|()| culprit(message, object, ""))?;
    Ok(parsed.encode_to_vec())
}

fn parse(message: &MessageDescriptor, object: &Map<String, Value>) -> Result<DynamicMessage, ()> {
    // The error has no path, and may repeat a secret.
    DynamicMessage::deserialize(message.clone(), object).map_err(drop)
}

/// The field that can't be parsed.
fn culprit(message: &MessageDescriptor, object: &Map<String, Value>, path: &str) -> InvalidField {
    for (name, value) in object {
        let Some(field) = field_of(message, name) else { continue };
        let alone = Map::from_iter([(name.clone(), value.clone())]);
        if parse(message, &alone).is_err() {
            let path = within(path, name);
            return match (field.kind(), value) {
                (Kind::Message(inner), Value::Object(object)) if is_ours(&inner) => {
                    culprit(&inner, object, &path)
                }
                _ => InvalidField::new(path, expected(&field)),
            };
        }
    }
    // Each is good alone: two of a oneof.
    let oneof = message.oneofs().find(|oneof| {
        let given = |field: &FieldDescriptor| object.keys().any(|name| is_named(field, name));
        oneof.fields().filter(given).count() > 1
    });
    let oneof = oneof.map_or_else(|| "body".to_owned(), |oneof| oneof.name().to_owned());
    InvalidField::new(within(path, &shown(&oneof)), "must be one of its fields, not several")
}

/// The field of that name, in either spelling.
pub(super) fn field_of(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
}

fn is_named(field: &FieldDescriptor, name: &str) -> bool {
    field.name() == name || field.json_name() == name
}

/// What a value of the field must be.
fn expected(field: &FieldDescriptor) -> String {
    let one = match field.kind() {
        Kind::Bool => "true or false".to_owned(),
        Kind::String => "a text".to_owned(),
        Kind::Bytes => "a text in base64".to_owned(),
        Kind::Double | Kind::Float => "a number".to_owned(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            "a whole number of 64 bits, as a text".to_owned()
        }
        Kind::Uint64 | Kind::Fixed64 => "a whole number of 64 bits from 0 on, as a text".to_owned(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a whole number of 32 bits".to_owned(),
        Kind::Uint32 | Kind::Fixed32 => "a whole number of 32 bits from 0 on".to_owned(),
        Kind::Enum(values) => {
            let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
            format!("one of {}", names.join(", "))
        }
        Kind::Message(message) => well_known(message.full_name()).to_owned(),
    };
    if field.is_list() {
        format!("must be a list, each of it {one}")
    } else {
        format!("must be {one}")
    }
}

fn well_known(name: &str) -> &'static str {
    match name {
        "google.protobuf.Timestamp" => "a time of RFC 3339 such as 2026-01-31T12:00:00Z",
        "google.protobuf.Duration" => "a time in seconds such as 1.5s",
        "google.protobuf.FieldMask" => {
            "names of fields in lowerCamelCase, with commas between them"
        }
        "google.protobuf.BoolValue" => "true or false",
        _ => "a JSON object",
    }
}

/// The JSON of a message, with the names in lowerCamelCase and without what has its default value.
///
/// # Errors
/// What is no message of that type.
pub(super) fn decode(message: &MessageDescriptor, bytes: &[u8]) -> Result<Vec<u8>, NotReadable> {
    let message = DynamicMessage::decode(message.clone(), bytes)?;
    let mut json = serde_json::Serializer::new(Vec::with_capacity(2 * bytes.len() + 2));
    message.serialize_with_options(&mut json, &SerializeOptions::new())?;
    Ok(json.into_inner())
}

/// An answer of ours that is no message of its type: a defect.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReadable {
    #[error("an answer is not of its type")]
    Protobuf(#[from] prost::DecodeError),
    #[error("an answer can't be JSON")]
    Json(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{contract::CONTRACT, json};

    fn input(rpc: &str) -> MessageDescriptor {
        CONTRACT.rpc(&format!("/auth.v1.{rpc}")).unwrap().input.clone()
    }

    fn output(rpc: &str) -> MessageDescriptor {
        CONTRACT.rpc(&format!("/auth.v1.{rpc}")).unwrap().output.clone()
    }

    /// There and back.
    fn again(message: &MessageDescriptor, text: &str) -> Result<String, InvalidField> {
        let bytes = encode(message, &json::read(message, text.as_bytes())?)?;
        Ok(String::from_utf8(decode(message, &bytes).unwrap()).unwrap())
    }

    fn refused(message: &MessageDescriptor, text: &str) -> (String, String) {
        let InvalidField { field, problem, .. } = again(message, text).unwrap_err();
        assert!(!problem.contains("canary"), "{problem}");
        (field.into_owned(), problem)
    }

    #[test]
    fn a_value_of_another_type_is_refused_by_the_name_that_it_was_given() {
        let (register, list) = (input("AuthService/Register"), input("AdminService/ListUsers"));
        let (update, delete) = (input("AdminService/UpdateUser"), input("AccountService/DeleteMe"));
        let batch = input("AdminService/BatchGetUsers");
        for (message, text, field, expected) in [
            (&register, r#"{"username": 5}"#, "username", "a text"),
            (&register, r#"{"username": ["canary"]}"#, "username", "a text"),
            (&register, r#"{"username": {"canary": 1}}"#, "username", "a text"),
            (&register, r#"{"username": true}"#, "username", "a text"),
            (&register, r#"{"email": "a", "username": 5}"#, "username", "a text"),
            (&register, r#"{"request_id": 5}"#, "request_id", "a text"),
            (&register, r#"{"requestId": 5}"#, "requestId", "a text"),
            (&register, r#"{"twoFactor": "true"}"#, "twoFactor", "true or false"),
            (&register, r#"{"twoFactor": 1}"#, "twoFactor", "true or false"),
            (&list, r#"{"pageSize": "canary"}"#, "pageSize", "32 bits"),
            (&list, r#"{"pageSize": 1.5}"#, "pageSize", "32 bits"),
            (&list, r#"{"pageSize": 2147483648}"#, "pageSize", "32 bits"),
            (&list, r#"{"pageSize": 1e10}"#, "pageSize", "32 bits"),
            (&list, r#"{"pageSize": 1e308}"#, "pageSize", "32 bits"),
            (&list, r#"{"pageSize": true}"#, "pageSize", "32 bits"),
            (&list, r#"{"filter": "canary"}"#, "filter", "a JSON object"),
            (&list, r#"{"filter": []}"#, "filter", "a JSON object"),
            (&list, r#"{"filter": {"state": "canary"}}"#, "filter.state", "USER_STATE_ACTIVE"),
            (&list, r#"{"filter": {"role": 5}}"#, "filter.role", "a text"),
            (&list, r#"{"filter": {"createdFrom": "canary"}}"#, "filter.createdFrom", "RFC 3339"),
            (&list, r#"{"filter": {"createdFrom": 5}}"#, "filter.createdFrom", "RFC 3339"),
            (
                &list,
                r#"{"filter": {"createdFrom": {"seconds": 5}}}"#,
                "filter.createdFrom",
                "RFC 3339",
            ),
            (
                &list,
                r#"{"filter": {"createdFrom": "2026-02-30T00:00:00Z"}}"#,
                "filter.createdFrom",
                "RFC 3339",
            ),
            (&update, r#"{"updateMask": ["canary"]}"#, "updateMask", "names of fields"),
            (&update, r#"{"user": {"metadata": "canary"}}"#, "user.metadata", "a JSON object"),
            (&update, r#"{"user": {"metadata": []}}"#, "user.metadata", "a JSON object"),
            (&update, r#"{"user": {"roles": "canary"}}"#, "user.roles", "a list"),
            (&update, r#"{"user": {"roles": ["a", 5]}}"#, "user.roles", "a list"),
            (&update, r#"{"user": {"roles": [null]}}"#, "user.roles", "a list"),
            (&batch, r#"{"ids": {"0": "canary"}}"#, "ids", "a list"),
            (
                &delete,
                r#"{"secondFactor": {"totpCode": "1", "recoveryCode": "canary"}}"#,
                "secondFactor.proof",
                "not several",
            ),
        ] {
            let (found, problem) = refused(message, text);
            assert_eq!((&*found, problem.contains(expected)), (field, true), "{text}: {problem}");
        }
    }

    /// As ProtoJSON has it: null is as though the field was not there.
    #[test]
    fn null_is_the_default_value() {
        let (register, list) = (input("AuthService/Register"), input("AdminService/ListUsers"));
        for (message, text) in [
            (&register, r#"{"username": null, "twoFactor": null}"#),
            (&list, r#"{"pageSize": null, "filter": null}"#),
            (&input("AdminService/BatchGetUsers"), r#"{"ids": null}"#),
            (&input("AuthService/Verify2FA"), r#"{"otpCode": null, "totpCode": null}"#),
        ] {
            assert_eq!(again(message, text).as_deref(), Ok("{}"), "{text}");
        }
        let filter = r#"{"filter": {"state": null, "createdFrom": null, "emailVerified": null}}"#;
        assert_eq!(again(&list, filter).as_deref(), Ok(r#"{"filter":{}}"#));
        let one = r#"{"otpCode": null, "totpCode": "1"}"#;
        let verify = input("AuthService/Verify2FA");
        assert_eq!(again(&verify, one).as_deref(), Ok(r#"{"totpCode":"1"}"#));
    }

    #[test]
    fn whole_numbers_may_be_written_in_every_way_that_protojson_has() {
        let list = input("AdminService/ListUsers");
        for number in ["1000", "1e3", "1000.0", "\"1000\"", "10e2", "100000e-2"] {
            let text = format!(r#"{{"pageSize": {number}}}"#);
            assert_eq!(again(&list, &text).as_deref(), Ok(r#"{"pageSize":1000}"#), "{number}");
        }
    }

    /// JavaScript has no others.
    #[test]
    fn numbers_of_64_bits_are_texts_and_all_of_their_digits_stay() {
        let claims = output("TokenService/IntrospectToken");
        let of = |number: &str| format!(r#"{{"claims":{{"exp":{number}}}}}"#);
        for number in ["9223372036854775807", "-9223372036854775808", "9007199254740993"] {
            let text = of(&format!("\"{number}\""));
            assert_eq!(again(&claims, &text).as_deref(), Ok(&*text));
            assert_eq!(again(&claims, &of(number)).as_deref(), Ok(&*text), "as a number");
        }
        for number in ["9223372036854775808", "\"9223372036854775808\"", "1e19", "\"\"", "1.5"] {
            let (field, problem) = refused(&claims, &of(number));
            assert_eq!((&*field, problem.contains("64 bits")), ("claims.exp", true), "{number}");
        }
    }

    #[test]
    fn answers_have_names_in_lower_camel_case_and_no_default_values() {
        let register = input("AuthService/Register");
        let text =
            r#"{"request_id": "a", "is_2fa_enabled": true, "username": "", "two_factor": false}"#;
        assert_eq!(
            again(&register, text).as_deref(),
            Ok(r#"{"is2faEnabled":true,"requestId":"a"}"#)
        );
        let listed = r#"{"sessions": [{"id": "1", "create_time": "2026-01-31T12:00:00+01:00"}]}"#;
        let sessions = output("AccountService/ListSessions");
        assert_eq!(
            again(&sessions, listed).as_deref(),
            Ok(r#"{"sessions":[{"id":"1","createTime":"2026-01-31T11:00:00Z"}]}"#)
        );
        let mask = r#"{"updateMask": "twoFactorEnabled,user.id"}"#;
        let update = input("AdminService/UpdateUser");
        assert_eq!(again(&update, mask).as_deref(), Ok(&*mask.replace(": ", ":")));
    }

    #[test]
    fn what_is_no_message_of_its_type_is_a_defect() {
        let me = output("AccountService/GetMe");
        assert!(matches!(decode(&me, &[0xff]), Err(NotReadable::Protobuf(_))));
    }

    /// Each is its proto's own JSON, from one end to the other.
    #[test]
    fn an_object_within_is_what_it_was() {
        let create = input("AdminService/CreateUser");
        let metadata =
            r#"{"a":[1.0,"x",null,true,{"b":{}}],"fields":"x","kind":{"stringValue":"y"}}"#;
        let text = format!(r#"{{"user":{{"metadata":{metadata}}}}}"#);
        let there: Value = serde_json::from_str(&text).unwrap();
        let back: Value = serde_json::from_str(&again(&create, &text).unwrap()).unwrap();
        assert_eq!(there, back);
    }
}
