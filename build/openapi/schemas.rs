//! Messages and enums as JSON schemas.

use std::collections::BTreeSet;

use protox::prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{
    Result,
    annotations::{Behavior, is, is_given_by_us},
    comments::Comments,
    rules::keywords,
};
use crate::{PACKAGE, secrets::is_public};

/// The last words of fields that a page should not show while they are typed, unless they are listed as public.
const HIDDEN: [&str; 9] =
    ["password", "token", "code", "codes", "secret", "key", "assertion", "hash", "pepper"];

/// Where a schema is used. Requests are closed, since unknown fields are refused, and lack what only the service sets. Answers are
/// open: new fields may come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Answer,
}

/// The `components.schemas` that were needed so far.
pub(super) struct Schemas<'a> {
    comments: &'a Comments,
    /// The messages in answers, by their full names. In requests they get another name.
    answers: BTreeSet<String>,
    pub(super) components: Map<String, Value>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(
        comments: &'a Comments,
        answers: impl Iterator<Item = MessageDescriptor>,
    ) -> Self {
        let mut reached = BTreeSet::new();
        answers.for_each(|answer| reach(&answer, &mut reached));
        Self { comments, answers: reached, components: Map::new() }
    }

    /// A reference to the schema of a message, without the fields that are in the path.
    pub(super) fn message(
        &mut self,
        message: &MessageDescriptor,
        side: Side,
        in_path: &[&str],
    ) -> Result<Value> {
        let mut name = short(message.full_name());
        if side == Side::Request && self.answers.contains(message.full_name()) {
            name += "Input";
        }
        if !self.components.contains_key(&name) {
            // Takes its place before those that it refers to.
            self.components.insert(name.clone(), Value::Null);
            let schema = self.object(message, side, in_path)?;
            self.components.insert(name.clone(), schema);
        }
        Ok(reference(&name))
    }

    fn object(
        &mut self,
        message: &MessageDescriptor,
        side: Side,
        in_path: &[&str],
    ) -> Result<Value> {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in message.fields().filter(|field| !in_path.contains(&field.name())) {
            if side == Side::Request && is_given_by_us(&field) {
                continue;
            }
            if side == Side::Request && is(&field, Behavior::Required) {
                required.push(field.json_name().to_owned());
            }
            properties.insert(field.json_name().to_owned(), self.field(&field, side)?);
        }
        let mut schema = json!({ "type": "object", "description": self.about(message) });
        schema["properties"] = properties.into();
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        if side == Side::Request {
            schema["additionalProperties"] = false.into();
        }
        Ok(schema)
    }

    /// The comment, and what is said of its oneofs. A `oneOf` beside `properties` makes generators lose the properties.
    fn about(&self, message: &MessageDescriptor) -> String {
        let mut about = self.comments.at(&message.parent_file(), message.path()).0;
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let members: Vec<_> =
                oneof.fields().map(|of| format!("`{}`", of.json_name())).collect();
            let why = self.comments.at(&oneof.parent_file(), oneof.path()).whole();
            about.push(format!("Only one of {}: {why}", members.join(", ")));
        }
        about.join("\n\n")
    }

    /// The schema of a field, with what is said of it.
    pub(super) fn field(&mut self, field: &FieldDescriptor, side: Side) -> Result<Value> {
        if field.is_map() {
            return Err(format!("{}: maps are not supported", field.full_name()));
        }
        let mut schema = self.value(field, side)?;
        if field.is_list() {
            schema = json!({ "type": "array", "items": schema });
        }
        if side == Side::Request {
            for (keyword, value) in keywords(field) {
                schema[keyword] = value;
            }
        }
        let about = self.comments.at(&field.parent_file(), field.path());
        schema["description"] = about.whole().into();
        for (set, name) in [
            (is_deprecated(field), "deprecated"),
            (is(field, Behavior::OutputOnly), "readOnly"),
            (is(field, Behavior::InputOnly), "writeOnly"),
        ] {
            if set {
                schema[name] = true.into();
            }
        }
        Ok(schema)
    }

    /// The schema of a field's values, each for itself.
    fn value(&mut self, field: &FieldDescriptor, side: Side) -> Result<Value> {
        Ok(match field.kind() {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Int32 => json!({ "type": "integer", "format": "int32" }),
            Kind::Int64 => json!({ "type": "string", "format": "int64" }),
            Kind::String if is_hidden(field) => json!({ "type": "string", "format": "password" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(of) => self.enumeration(&of),
            Kind::Message(of) => match well_known(&of) {
                Some(schema) => schema,
                None => self.message(&of, side, &[])?,
            },
            kind @ (Kind::Double
            | Kind::Float
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64) => {
                return Err(format!("{}: {kind:?} is not supported", field.full_name()));
            }
        })
    }

    fn enumeration(&mut self, of: &EnumDescriptor) -> Value {
        let name = short(of.full_name());
        let names: Vec<_> = of.values().map(|value| value.name().to_owned()).collect();
        let values = of.values().map(|value| {
            let about = self.comments.at(&value.parent_file(), value.path()).whole();
            format!("- `{}`: {about}", value.name())
        });
        let values = values.collect::<Vec<_>>().join("\n");
        let about = self.comments.at(&of.parent_file(), of.path()).whole();
        let description = format!("{about}\n\n{values}");
        let schema = json!({ "type": "string", "description": description, "enum": names });
        self.components.insert(name.clone(), schema);
        reference(&name)
    }
}

/// Google's own types, as protobuf writes them in JSON.
pub(super) fn well_known(message: &MessageDescriptor) -> Option<Value> {
    Some(match message.full_name() {
        "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "google.protobuf.Duration" => duration(),
        "google.protobuf.FieldMask" => json!({ "type": "string" }),
        "google.protobuf.Struct" => json!({ "type": "object", "additionalProperties": true }),
        _ => return None,
    })
}

/// Such as `1.5s`.
pub(super) fn duration() -> Value {
    json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$" })
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn is_deprecated(field: &FieldDescriptor) -> bool {
    field.field_descriptor_proto().options.as_ref().is_some_and(|options| options.deprecated())
}

fn is_hidden(field: &FieldDescriptor) -> bool {
    let last = field.name().rsplit('_').next().unwrap_or_default();
    HIDDEN.contains(&last) && !is_public(field)
}

fn short(full_name: &str) -> String {
    full_name.strip_prefix(PACKAGE).unwrap_or(full_name).to_owned()
}

/// All messages that are part of `message`.
fn reach(message: &MessageDescriptor, reached: &mut BTreeSet<String>) {
    if reached.insert(message.full_name().to_owned()) {
        let kinds = message.fields().map(|field| field.kind());
        let parts = kinds.filter_map(|kind| kind.as_message().cloned());
        parts.for_each(|part| reach(&part, reached));
    }
}
