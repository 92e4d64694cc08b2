//! What options in the protos say; of Google's, by which HTTP requests a method is called, and how a field behaves.

use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MethodDescriptor, Value,
};

use super::Result;

const VERBS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// A rule of `google.api.http`.
pub(super) struct Rule {
    /// In lower case, as OpenAPI has it.
    pub(super) verb: &'static str,
    /// Such as `/v1/users/{user.id}`.
    pub(super) template: String,
    pub(super) body: Body,
}

/// What the body of a request holds.
pub(super) enum Body {
    Nothing,
    /// All fields that are not in the path.
    Everything,
    /// The field of this name.
    Field(String),
}

impl Rule {
    /// The fields in the path, in order, by the names that lead to them: `user.id`.
    pub(super) fn variables(&self) -> Vec<&str> {
        let parts = self.template.split('{').skip(1);
        parts.filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }
}

/// The rules of a method; none if it is not served as plain HTTP.
pub(super) fn rules(method: &MethodDescriptor) -> Result<Vec<Rule>> {
    let of = option(method.parent_pool(), &method.options(), "google.api.http");
    let Some(Value::Message(first)) = of else { return Ok(Vec::new()) };
    let others = first.get_field_by_name("additional_bindings");
    let others = others.as_ref().and_then(|others| others.as_list()).unwrap_or_default();
    let others = others.iter().filter_map(Value::as_message);
    std::iter::once(&first).chain(others).map(rule).collect()
}

fn rule(of: &DynamicMessage) -> Result<Rule> {
    let text = |name: &str| {
        let value = of.get_field_by_name(name);
        value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let verb = VERBS.into_iter().find(|verb| of.has_field_by_name(verb));
    let verb = verb.ok_or("a rule of google.api.http has none of the usual verbs")?;
    let template = text(verb);
    if template.contains(['*', '=']) {
        return Err(format!("{template}: patterns in paths are not supported"));
    }
    let body = match text("body").as_str() {
        "" => Body::Nothing,
        "*" => Body::Everything,
        field => Body::Field(field.to_owned()),
    };
    Ok(Rule { verb, template, body })
}

/// How a field behaves, by the numbers of `google.api.FieldBehavior`.
#[derive(Clone, Copy)]
pub(super) enum Behavior {
    Required = 2,
    OutputOnly = 3,
    InputOnly = 4,
    Identifier = 8,
}

/// Whether the field is annotated so.
pub(super) fn is(field: &FieldDescriptor, behavior: Behavior) -> bool {
    let pool = field.parent_message().parent_pool().clone();
    let marks = option(&pool, &field.options(), "google.api.field_behavior");
    let marks = marks.as_ref().and_then(Value::as_list).unwrap_or_default();
    marks.iter().any(|mark| mark.as_enum_number() == Some(behavior as i32))
}

/// Whether the service alone gives the field its value. In a request it is not looked at (AIP-203).
pub(super) fn is_given_by_us(field: &FieldDescriptor) -> bool {
    is(field, Behavior::OutputOnly) || is(field, Behavior::Identifier)
}

/// The value of an extension, where it is set.
pub(super) fn option(
    pool: &DescriptorPool,
    options: &DynamicMessage,
    extension: &str,
) -> Option<Value> {
    let extension = pool.get_extension_by_name(extension)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}
