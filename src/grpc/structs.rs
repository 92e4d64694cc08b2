//! JSON objects as `google.protobuf.Struct`.

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::Map;

use crate::domain::JsonObject;

/// An object as a Struct; an empty one is left out.
pub(super) fn object(object: &JsonObject) -> Option<Struct> {
    (!object.is_empty()).then(|| of_members(object.members()))
}

fn of_members(members: &Map<String, serde_json::Value>) -> Struct {
    let fields = members.iter().map(|(name, value)| (name.clone(), of_json(value)));
    Struct { fields: fields.collect() }
}

fn of_json(value: &serde_json::Value) -> Value {
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(*value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(values) => {
            Kind::ListValue(ListValue { values: values.iter().map(of_json).collect() })
        }
        serde_json::Value::Object(members) => Kind::StructValue(of_members(members)),
    };
    Value { kind: Some(kind) }
}
