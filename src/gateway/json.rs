//! JSON texts of messages, stricter than ProtoJSON has to be: no field twice, in one spelling or in two, and none that
//! is unknown. What is lenient here is a way past a check elsewhere that reads the other one (request smuggling).

use std::{cell::RefCell, collections::HashSet, fmt};

use prost_reflect::MessageDescriptor;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::domain::InvalidField;

/// The longest name of a member that an answer repeats, in characters.
const NAME: usize = 64;

/// How long the path of a member may be before its inner ones are told by it alone, in bytes.
const PATH: usize = 256;

/// Reads the JSON text of a message.
///
/// # Errors
/// What is no JSON object, or has a field twice, or an unknown one: the first of them, by its path.
pub(super) fn read(
    message: &MessageDescriptor,
    text: &[u8],
) -> Result<Map<String, Value>, InvalidField> {
    let problem = RefCell::new(None);
    let seed = Seed { of: Some(message), path: String::new(), problem: &problem };
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    match value {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(InvalidField::new("body", "must be a JSON object")),
        Err(error) => Err(problem.take().unwrap_or_else(|| not_json(&error))),
    }
}

/// serde_json's own text may repeat what it has read.
fn not_json(error: &serde_json::Error) -> InvalidField {
    let (line, column) = (error.line(), error.column());
    let problem = format!("must be JSON in UTF-8; it is not at line {line}, column {column}");
    InvalidField::new("body", problem).with("place", format!("{line}:{column}"))
}

/// Reads one value.
struct Seed<'a> {
    /// The message whose fields an object has; `None` where any member is good.
    of: Option<&'a MessageDescriptor>,
    /// The path of the value.
    path: String,
    problem: &'a RefCell<Option<InvalidField>>,
}

impl Seed<'_> {
    fn refuse<E: Error>(&self, name: &str, problem: &str) -> E {
        let field = within(&self.path, &shown(name));
        *self.problem.borrow_mut() = Some(InvalidField::new(field, problem));
        E::custom(problem)
    }
}

/// The path of a member.
pub(super) fn within(path: &str, name: &str) -> String {
    match path.len() {
        0 => name.to_owned(),
        1..=PATH => format!("{path}.{name}"),
        // A caller may nest long names deeply: each of thousands of values would copy them all.
        _ => path.to_owned(),
    }
}

/// The path of a value in a list.
fn nth(path: &str, number: usize) -> String {
    if path.len() > PATH { path.to_owned() } else { format!("{path}[{number}]") }
}

/// A name that callers may have invented.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(NAME).collect()
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        let seed = |number| Seed { path: nth(&self.path, number), ..self };
        while let Some(value) = list.next_element_seed(seed(values.len()))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (mut object, mut numbers) = (Map::new(), HashSet::new());
        while let Some(name) = members.next_key::<String>()? {
            let field = self.of.map(|message| {
                let by_json = message.get_field_by_json_name(&name);
                by_json.or_else(|| message.get_field_by_name(&name))
            });
            let is_again = match &field {
                Some(Some(field)) => !numbers.insert(field.number()),
                None => object.contains_key(&name),
                Some(None) => return Err(self.refuse(&name, "is no field of this message")),
            };
            if is_again {
                return Err(
                    self.refuse(&name, "must not be there twice, in one spelling or in two")
                );
            }
            let of = field.flatten().and_then(|field| field.kind().as_message().cloned());
            let path = within(&self.path, &shown(&name));
            let inner = of.as_ref().filter(|message| is_ours(message));
            let value = members.next_value_seed(Seed { of: inner, path, ..self })?;
            if of.is_some_and(|message| is_leap_second(&message, &value)) {
                return Err(self.refuse(&name, LEAP_SECOND));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

pub(super) const LEAP_SECOND: &str = "must be a time that is no leap second";

/// prost-reflect takes 23:59:60 for the second before it, in silence.
pub(super) fn is_leap_second(message: &MessageDescriptor, value: &Value) -> bool {
    let is_time = message.full_name() == "google.protobuf.Timestamp";
    is_time && value.as_str().is_some_and(|text| text.contains(":60"))
}

/// Whether its JSON is an object of its fields: that of the well-known types is another one.
pub(super) fn is_ours(message: &MessageDescriptor) -> bool {
    message.package_name() != "google.protobuf"
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod json_tests;
