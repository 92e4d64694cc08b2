//! Fields of a request that are in its path or in its query, as members of its JSON.

use std::borrow::Cow;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, map::Entry};
use url::form_urlencoded;

use super::{json::shown, message::field_of};
use crate::domain::InvalidField;

/// Adds the fields of the path.
///
/// # Errors
/// One that the body has as well.
pub(super) fn add_path(
    message: &MessageDescriptor,
    object: &mut Map<String, Value>,
    values: Vec<(&str, Cow<'_, str>)>,
) -> Result<(), InvalidField> {
    values
        .into_iter()
        .try_for_each(|(path, value)| Parameter { path, text: &value }.add(message, object, path))
}

/// Adds the fields of a query. Those of `body` are not for it.
///
/// # Errors
/// One that is unknown, or is there before, or can't be in a query.
pub(super) fn add_query(
    message: &MessageDescriptor,
    object: &mut Map<String, Value>,
    query: &str,
    body: Option<&str>,
) -> Result<(), InvalidField> {
    form_urlencoded::parse(query.as_bytes()).try_for_each(|(path, value)| {
        let parameter = Parameter { path: &path, text: &value };
        let (first, _) = path.split_once('.').unwrap_or((&path, ""));
        let field = field_of(message, first).filter(|field| Some(field.name()) != body);
        field.ok_or_else(|| parameter.refused("is no field that can be in the query"))?;
        parameter.add(message, object, &path)
    })
}

/// A field of the path or of the query.
struct Parameter<'a> {
    /// Such as `filter.role`.
    path: &'a str,
    text: &'a str,
}

impl Parameter<'_> {
    fn refused(&self, problem: &str) -> InvalidField {
        InvalidField::new(shown(self.path), problem)
    }

    /// Adds it at that path within an object. A repeated field may be there many times.
    fn add(
        &self,
        message: &MessageDescriptor,
        object: &mut Map<String, Value>,
        path: &str,
    ) -> Result<(), InvalidField> {
        let (name, rest) =
            path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let unknown = || self.refused("is no field that can be in the query");
        let field = field_of(message, name).ok_or_else(unknown)?;
        let inner =
            field.kind().as_message().cloned().filter(|_| !field.is_list() && !field.is_map());
        let (rest, inner) = match (rest, inner) {
            (None, _) => return self.put(&field, object),
            (Some(rest), Some(inner)) => (rest, inner),
            (Some(_), None) => return Err(unknown()),
        };
        let within = member(object, &field).or_insert_with(|| Value::Object(Map::new()));
        let within = within.as_object_mut().ok_or_else(|| self.refused(TWICE))?;
        self.add(&inner, within, rest)
    }

    fn put(
        &self,
        field: &FieldDescriptor,
        object: &mut Map<String, Value>,
    ) -> Result<(), InvalidField> {
        let value = value(field, self.text);
        match member(object, field) {
            Entry::Vacant(free) => {
                let one = if field.is_list() { Value::Array(vec![value]) } else { value };
                free.insert(one);
            }
            Entry::Occupied(mut taken) => {
                let list = taken.get_mut().as_array_mut().filter(|_| field.is_list());
                list.ok_or_else(|| self.refused(TWICE))?.push(value);
            }
        }
        Ok(())
    }
}

const TWICE: &str = "must not be there twice, be it in the path, the query or the body";

/// The member of the field, in the spelling that it has there.
fn member<'a>(object: &'a mut Map<String, Value>, field: &FieldDescriptor) -> Entry<'a> {
    let has_other_spelling = object.contains_key(field.name());
    object.entry(if has_other_spelling { field.name() } else { field.json_name() })
}

/// The JSON of a text. Numbers, times and names of enums are texts in JSON, too (ProtoJSON).
fn value(field: &FieldDescriptor, text: &str) -> Value {
    let is_wrapper = |kind: &Kind| {
        kind.as_message().is_some_and(|message| message.full_name() == "google.protobuf.BoolValue")
    };
    let is_flag = field.kind() == Kind::Bool || is_wrapper(&field.kind());
    match text {
        "true" if is_flag => Value::Bool(true),
        "false" if is_flag => Value::Bool(false),
        _ => Value::String(text.to_owned()),
    }
}
