//! Paths: an operation for each rule of each method.

use std::collections::BTreeSet;

use protox::prost_reflect::{Kind, MethodDescriptor};
use serde_json::{Value, json};

use super::{
    Document, Result,
    annotations::{Body, Rule, rules},
    failures::failures,
    parameters::parameters,
    responses::success,
    schemas::Side,
    security,
};

/// Adds what a method is called by, if it is served as plain HTTP.
pub(super) fn add(document: &mut Document<'_>, method: &MethodDescriptor) -> Result<()> {
    let rules = rules(method)?;
    for rule in &rules {
        let (path, names) = document.path(rule);
        let operation = operation(document, method, &rules, rule, &names)?;
        let verbs = document.paths.entry(&path).or_insert_with(|| json!({}));
        if verbs.get(rule.verb).is_some() {
            return Err(format!("{} {path} is called by two rules", rule.verb));
        }
        verbs[rule.verb] = operation;
    }
    Ok(())
}

fn operation(
    document: &mut Document<'_>,
    method: &MethodDescriptor,
    rules: &[Rule],
    rule: &Rule,
    names: &[String],
) -> Result<Value> {
    let about = document.comments.at(&method.parent_file(), method.path());
    let service = method.parent_service();
    let mut operation = json!({
        "tags": [service.name()],
        "operationId": operation_id(method, rules, rule),
        "summary": about.summary(),
    });
    if !about.rest().is_empty() {
        operation["description"] = about.rest().into();
    }
    let options = method.method_descriptor_proto().options.as_ref();
    if options.is_some_and(|options| options.deprecated()) {
        operation["deprecated"] = true.into();
    }
    operation["security"] = security::of(method);
    let others = rules.iter().filter(|other| !std::ptr::eq(*other, rule));
    let elsewhere: BTreeSet<_> = others.flat_map(Rule::variables).map(str::to_owned).collect();
    let parameters = parameters(document, &method.input(), rule, names, &elsewhere)?;
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = body(document, method, rule)? {
        operation["requestBody"] = body;
    }
    let output = method.output();
    let answer = document.comments.at(&output.parent_file(), output.path()).summary();
    let success = success(&answer, &document.schemas.message(&output, Side::Answer, &[])?);
    let failures = failures(document.comments, method, rules)?;
    operation["responses"] = document.errors.of(success, &failures)?;
    Ok(operation)
}

/// `ServiceMethod`; of other rules than the first, with the verb at the end of their path. Nothing is between them: not every
/// tool takes more than letters and digits, and Swagger UI takes an underscore in a link for an escaped space.
fn operation_id(method: &MethodDescriptor, rules: &[Rule], rule: &Rule) -> String {
    let id = format!("{}{}", method.parent_service().name(), method.name());
    if rules.first().is_some_and(|first| std::ptr::eq(first, rule)) {
        return id;
    }
    let verb = rule.template.rsplit_once(':').map_or(rule.verb, |(_, verb)| verb);
    let (initial, others) = verb.split_at(1);
    format!("{id}{}{others}", initial.to_uppercase())
}

fn body(
    document: &mut Document<'_>,
    method: &MethodDescriptor,
    rule: &Rule,
) -> Result<Option<Value>> {
    let (message, in_path) = match &rule.body {
        Body::Nothing => return Ok(None),
        Body::Everything => (method.input(), rule.variables()),
        Body::Field(name) => {
            let field = method.input().get_field_by_name(name).map(|field| field.kind());
            let Some(Kind::Message(message)) = field else {
                return Err(format!("{}: the body {name} is no message", method.full_name()));
            };
            let within =
                |of| rule.variables().into_iter().find_map(|variable| variable.strip_prefix(of));
            (message, within(&format!("{name}.")).into_iter().collect())
        }
    };
    let schema = document.schemas.message(&message, Side::Request, &in_path)?;
    let example = document.examples.message(&message, &in_path)?;
    let content = json!({ "application/json": { "schema": schema, "example": example } });
    Ok(Some(json!({ "required": true, "content": content })))
}
