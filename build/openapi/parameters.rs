//! Parameters: the fields of a request that are in the path or in the query.

use std::collections::BTreeSet;

use protox::prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use super::{
    Document, Result,
    annotations::{Behavior, Body, Rule, is, is_given_by_us},
    schemas::{Side, is_deprecated, well_known},
};

/// The parameters of a rule: first those in the path, by the names that it has there.
///
/// `elsewhere` are the fields that another rule of the method has in its path: they are not offered in the query.
pub(super) fn parameters(
    document: &mut Document<'_>,
    input: &MessageDescriptor,
    rule: &Rule,
    names: &[String],
    elsewhere: &BTreeSet<String>,
) -> Result<Vec<Value>> {
    let mut parameters = Vec::new();
    for (variable, name) in rule.variables().into_iter().zip(names) {
        parameters.push(in_path(document, &at(input, variable)?, name)?);
    }
    let body = match &rule.body {
        Body::Everything => return Ok(parameters),
        Body::Field(name) => name.as_str(),
        Body::Nothing => "",
    };
    let in_path: Vec<_> =
        input.fields().filter(|of| rule.variables().contains(&of.name())).collect();
    for field in input.fields().filter(|field| field.name() != body) {
        let excluded = in_path.iter().any(|other| {
            *other == field
                || other.containing_oneof().is_some_and(|of| Some(of) == field.containing_oneof())
        });
        if !excluded && !elsewhere.contains(field.name()) {
            in_query(document, &field, "", &mut parameters)?;
        }
    }
    Ok(parameters)
}

/// The field that a path such as `user.id` leads to.
fn at(message: &MessageDescriptor, path: &str) -> Result<FieldDescriptor> {
    let (first, rest) =
        path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let missing = || format!("{} has no {path}, which is in its path", message.full_name());
    let field = message.get_field_by_name(first).ok_or_else(missing)?;
    match (rest, field.kind()) {
        (None, _) => Ok(field),
        (Some(rest), Kind::Message(of)) => at(&of, rest),
        (Some(_), _) => Err(missing()),
    }
}

fn in_path(document: &mut Document<'_>, field: &FieldDescriptor, name: &str) -> Result<Value> {
    let (schema, description) = parts(document, field)?;
    let example = document.examples.field(field)?;
    let example =
        example.ok_or_else(|| format!("{}: a path needs an example", field.full_name()))?;
    Ok(json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": description,
        "schema": schema,
        "example": example,
    }))
}

/// A field, or those of a message with its name before theirs: `filter.role`.
fn in_query(
    document: &mut Document<'_>,
    field: &FieldDescriptor,
    before: &str,
    parameters: &mut Vec<Value>,
) -> Result<()> {
    let name = format!("{before}{}", field.json_name());
    if let Kind::Message(of) = field.kind()
        && well_known(&of).is_none()
    {
        if field.is_list() {
            return Err(format!("{}: a query can't hold repeated messages", field.full_name()));
        }
        let inner = of.fields().filter(|inner| !is_given_by_us(inner));
        return inner
            .into_iter()
            .try_for_each(|inner| in_query(document, &inner, &format!("{name}."), parameters));
    }
    let (mut schema, description) = parts(document, field)?;
    let required = is(field, Behavior::Required);
    let mut parameter = json!({ "name": name, "in": "query", "description": description });
    // A page to try the API on fills in `example`: what is optional is only shown.
    match document.examples.field(field)? {
        Some(example) if required => parameter["example"] = example,
        Some(example) => schema["examples"] = json!([example]),
        None => {}
    }
    for (set, key) in
        [(required, "required"), (is_deprecated(field), "deprecated"), (field.is_list(), "explode")]
    {
        if set {
            parameter[key] = true.into();
        }
    }
    parameter["schema"] = schema;
    parameters.push(parameter);
    Ok(())
}

/// The schema of a field, and what is said of it.
fn parts(document: &mut Document<'_>, field: &FieldDescriptor) -> Result<(Value, Value)> {
    let mut schema = document.schemas.field(field, Side::Request)?;
    let said = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    Ok((schema, said.unwrap_or_default()))
}
