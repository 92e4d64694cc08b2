//! JSON objects as `google.protobuf.Struct`.

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::Map;

use crate::domain::{InvalidField, JsonObject};

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

/// The members of a Struct. Whole numbers are whole in JSON, too.
///
/// # Errors
/// A number that JSON does not have.
pub(super) fn members(
    given: Option<Struct>,
    field: &'static str,
) -> Result<Map<String, serde_json::Value>, InvalidField> {
    let bad = || InvalidField::new(field, "must have only numbers that JSON has");
    let members = given.unwrap_or_default().fields.into_iter();
    members.map(|(name, value)| Some((name, json(value)?))).collect::<Option<_>>().ok_or_else(bad)
}

fn json(value: Value) -> Option<serde_json::Value> {
    Some(match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(number)) => self::number(number)?,
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => {
            list.values.into_iter().map(json).collect::<Option<Vec<_>>>()?.into()
        }
        Some(Kind::StructValue(inner)) => {
            let members = inner.fields.into_iter().map(|(name, value)| Some((name, json(value)?)));
            serde_json::Value::Object(members.collect::<Option<_>>()?)
        }
    })
}

fn number(number: f64) -> Option<serde_json::Value> {
    /// The last whole number before which a double has all of them: 2^53.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within the bounds")]
        return Some((number as i64).into());
    }
    serde_json::Number::from_f64(number).map(Into::into)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_the_same_there_and_back() {
        let members =
            json!({"a": null, "b": [true, 1, 2.5, "x"], "c": {"d": -9_007_199_254_740_992_i64}});
        let serde_json::Value::Object(members) = members else { panic!("an object") };
        let there = object(&JsonObject::parse_metadata(members.clone()).unwrap());
        assert_eq!(super::members(there, "metadata").unwrap(), members);
        assert_eq!(object(&JsonObject::default()), None);
    }

    #[test]
    fn numbers_that_json_does_not_have_are_refused() {
        for number in [f64::NAN, f64::INFINITY] {
            let value = Value { kind: Some(Kind::NumberValue(number)) };
            let inner = Struct { fields: [("b".to_owned(), value)].into() };
            let value = Value { kind: Some(Kind::StructValue(inner)) };
            let given = Struct { fields: [("a".to_owned(), value)].into() };
            assert_eq!(members(Some(given), "claims").unwrap_err().field, "claims");
        }
    }
}
