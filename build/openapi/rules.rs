//! What the rules of fields (`buf.validate`) say that JSON Schema says in the same way. Not among it: sizes in bytes, which JSON Schema
//! counts in code points, and patterns, since many of its tools do not know `\p{…}`.

use protox::prost_reflect::{FieldDescriptor, Value};
use serde_json::json;

use super::annotations::option;

/// The rules of a kind of field, a rule, and its keyword.
const KEYWORDS: [(&str, &str, &str); 4] = [
    ("string", "min_len", "minLength"),
    ("string", "max_len", "maxLength"),
    ("int32", "gte", "minimum"),
    ("repeated", "max_items", "maxItems"),
];

/// The keywords of a field, with their values.
pub(super) fn keywords(field: &FieldDescriptor) -> Vec<(&'static str, serde_json::Value)> {
    let pool = field.parent_message().parent_pool().clone();
    let of = option(&pool, &field.options(), "buf.validate.field");
    let Some(Value::Message(rules)) = of else { return Vec::new() };
    let value = |kind: &str, rule: &str| {
        let of_kind = rules.get_field_by_name(kind)?;
        let of_kind = of_kind.as_message().filter(|of| of.has_field_by_name(rule))?;
        let value = of_kind.get_field_by_name(rule)?;
        value
            .as_u64()
            .map(|value| json!(value))
            .or_else(|| value.as_i32().map(|value| json!(value)))
    };
    let found = KEYWORDS.into_iter();
    found.filter_map(|(kind, rule, keyword)| Some((keyword, value(kind, rule)?))).collect()
}
