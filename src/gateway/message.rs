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
        "google.protobuf.FieldMask" => "names of fields with commas between them",
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
