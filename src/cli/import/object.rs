//! Takes members out of a JSON object, by type. What is left is what nothing has read.

use serde_json::Value;

use super::problem::Problem;

/// A JSON object.
pub(crate) type Object = serde_json::Map<String, Value>;

/// Takes a text. Absent and null are empty; a number is its digits.
pub(crate) fn text(object: &mut Object, name: &str) -> Result<String, Problem> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err(Problem::new(name, "must be text"))
        }
    }
}

/// Takes a boolean, also as databases and CSV files write it.
pub(crate) fn flag(object: &mut Object, name: &str) -> Result<Option<bool>, Problem> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "true" | "t" | "1" | "yes" => Ok(Some(true)),
            "false" | "f" | "0" | "no" => Ok(Some(false)),
            _ => Err(Problem::new(name, "must be true or false")),
        },
        // MySQL has no other boolean.
        Some(Value::Number(number)) if number.as_u64() == Some(1) => Ok(Some(true)),
        Some(Value::Number(number)) if number.as_u64() == Some(0) => Ok(Some(false)),
        Some(Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(Problem::new(name, "must be true or false"))
        }
    }
}

/// Takes a whole number of 32 bits.
pub(crate) fn number(object: &mut Object, name: &str) -> Result<Option<u32>, Problem> {
    match text(object, name) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => text.parse().ok().map(Some).ok_or_else(|| whole(name)),
        Err(_) => Err(whole(name)),
    }
}

fn whole(name: &str) -> Problem {
    Problem::new(name, "must be a whole number from 0 to 4294967295")
}

/// Takes an object, or the JSON text of one.
pub(crate) fn object(object: &mut Object, name: &str) -> Result<Object, Problem> {
    let wrong = || Problem::new(name, "must be a JSON object");
    match object.remove(name) {
        None | Some(Value::Null) => Ok(Object::new()),
        Some(Value::Object(inner)) => Ok(inner),
        Some(Value::String(text)) if text.is_empty() => Ok(Object::new()),
        Some(Value::String(text)) => {
            // The text may be null.
            let inner: Option<Option<Object>> = serde_json::from_str(&text).ok();
            inner.map(Option::unwrap_or_default).ok_or_else(wrong)
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_)) => Err(wrong()),
    }
}

/// Takes a list, or the JSON text of one.
pub(crate) fn list(object: &mut Object, name: &str) -> Result<Vec<Value>, Problem> {
    let wrong = || Problem::new(name, "must be a list");
    match object.remove(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => serde_json::from_str(&text).ok().ok_or_else(wrong),
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(wrong()),
    }
}

/// Takes a list of texts.
pub(crate) fn texts(object: &mut Object, name: &str) -> Result<Vec<String>, Problem> {
    let wrong = || Problem::new(name, "must be a list of texts");
    let list = list(object, name).ok().ok_or_else(wrong)?;
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    list.into_iter().map(text).collect::<Option<_>>().ok_or_else(wrong)
}

/// Takes a list of objects.
pub(crate) fn objects(object: &mut Object, name: &str) -> Result<Vec<Object>, Problem> {
    let wrong = || Problem::new(name, "must be a list of objects");
    let inner = |value| if let Value::Object(inner) = value { Some(inner) } else { None };
    list(object, name)?.into_iter().map(inner).collect::<Option<_>>().ok_or_else(wrong)
}

/// Whether a value says something.
pub(crate) fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}
