//! JSON objects as `google.protobuf.Struct`.

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number};

use crate::domain::{InvalidField, JsonObject};

/// Whole numbers up to this are exact in a double: beyond, none is told from its neighbour.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The members of a Struct as JSON has them.
pub(super) fn members(
    object: Struct,
    field: &'static str,
) -> Result<Map<String, serde_json::Value>, InvalidField> {
    let member = |(name, value)| Ok((name, json(value, field)?));
    object.fields.into_iter().map(member).collect()
}

/// A Struct has doubles alone: whole ones are integers in JSON, as all its readers expect.
fn json(value: Value, field: &'static str) -> Result<serde_json::Value, InvalidField> {
    let refused = |problem| InvalidField::new(field, problem);
    Ok(match value.kind.ok_or_else(|| refused("must have a kind in each value"))? {
        Kind::NullValue(_) => serde_json::Value::Null,
        Kind::BoolValue(value) => value.into(),
        Kind::StringValue(text) => text.into(),
        Kind::NumberValue(number) => {
            number_of(number).ok_or_else(|| refused("must have no infinite number, and no NaN"))?
        }
        Kind::StructValue(object) => serde_json::Value::Object(members(object, field)?),
        Kind::ListValue(list) => {
            let values = list.values.into_iter().map(|value| json(value, field));
            serde_json::Value::Array(values.collect::<Result<_, _>>()?)
        }
    })
}

#[expect(clippy::cast_possible_truncation, reason = "whole, and within what is exact")]
fn number_of(number: f64) -> Option<serde_json::Value> {
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Some((number as i64).into());
    }
    Number::from_f64(number).map(serde_json::Value::Number)
}

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(number: f64) -> Result<serde_json::Value, InvalidField> {
        json(Value { kind: Some(Kind::NumberValue(number)) }, "claims")
    }

    #[test]
    fn whole_numbers_are_integers_and_what_is_no_number_is_refused() {
        for (given, expected) in [
            (1.0, "1"),
            (-0.0, "0"),
            (1.5, "1.5"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e300, "1e+300"),
            (-3.0, "-3"),
        ] {
            assert_eq!(number(given).unwrap().to_string(), expected);
        }
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(number(bad).unwrap_err().field, "claims");
        }
        assert!(json(Value { kind: None }, "claims").is_err());
    }

    #[test]
    fn an_object_comes_back_as_it_was_sent() {
        let sent = json!({"a": [1, null, {"b": true}], "c": "d", "e": 2.5});
        let members = self::members(of_members(sent.as_object().unwrap()), "metadata").unwrap();
        assert_eq!(serde_json::Value::Object(members), sent);
    }
}
