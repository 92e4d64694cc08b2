//! The OpenAPI document: the RPCs that have a rule of `google.api.http`, with the comments of the protos.

mod annotations;
mod comments;
mod errors;
mod examples;
mod failures;
mod parameters;
mod paths;
mod responses;
mod rules;
mod schemas;
mod security;
mod status;

use std::collections::BTreeMap;

use protox::prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};
use serde_json::{Map, Value, json};

use self::{
    annotations::Rule, comments::Comments, examples::Examples, responses::Errors, schemas::Schemas,
};
use crate::PACKAGE;

/// The services as a reader meets them.
const SERVICES: [&str; 4] = ["AuthService", "AccountService", "TokenService", "AdminService"];

type Result<T> = std::result::Result<T, String>;

/// The document as it grows.
struct Document<'a> {
    comments: &'a Comments,
    examples: Examples,
    schemas: Schemas<'a>,
    errors: Errors,
    paths: Map<String, Value>,
    /// Each path by its shape (`/v1/users/{}`): paths that differ in the names of their variables alone are one in OpenAPI.
    shapes: BTreeMap<String, String>,
}

/// The document as JSON. Within a service the order is that of its proto.
///
/// # Errors
/// A rule, a field or a comment that this does not know how to write down.
pub(crate) fn document(pool: &DescriptorPool) -> Result<String> {
    let services = services(pool)?;
    let methods: Vec<_> = services.iter().flat_map(ServiceDescriptor::methods).collect();
    // Streams have no rule.
    let answers = methods.iter().filter(|method| !method.is_server_streaming());
    let comments = Comments::new(pool);
    let mut document = Document {
        schemas: Schemas::new(&comments, answers.map(MethodDescriptor::output)),
        comments: &comments,
        examples: Examples::new(),
        errors: Errors::default(),
        paths: Map::new(),
        shapes: BTreeMap::new(),
    };
    methods.iter().try_for_each(|method| paths::add(&mut document, method))?;
    let document = document.finish(&services)?;
    serde_json::to_string_pretty(&document).map_err(|error| error.to_string())
}

/// Our services, in the order of `SERVICES`.
fn services(pool: &DescriptorPool) -> Result<Vec<ServiceDescriptor>> {
    let mut found: Vec<_> =
        pool.services().filter(|of| of.full_name().starts_with(PACKAGE)).collect();
    let place = |of: &ServiceDescriptor| SERVICES.iter().position(|name| *name == of.name());
    if let Some(unlisted) = found.iter().find(|of| place(of).is_none()) {
        return Err(format!("SERVICES in build/openapi/mod.rs lacks {}", unlisted.name()));
    }
    found.sort_by_key(place);
    Ok(found)
}

impl Document<'_> {
    /// A rule's path, and the names of its variables there.
    fn path(&mut self, rule: &Rule) -> (String, Vec<String>) {
        let variables = rule.variables();
        let replaced = |with: fn(&str) -> String| {
            variables.iter().fold(rule.template.clone(), |path, variable| {
                path.replace(&format!("{{{variable}}}"), &with(variable))
            })
        };
        let shape = replaced(|_| "{}".to_owned());
        // Tools take a dot in a name for the path of a property.
        let own = || replaced(|variable| format!("{{{}}}", variable.replace('.', "_")));
        let path = self.shapes.entry(shape).or_insert_with(own).clone();
        let names = path.split('{').skip(1).filter_map(|part| part.split_once('}'));
        let names = names.map(|(name, _)| name.to_owned()).collect();
        (path, names)
    }

    fn finish(mut self, services: &[ServiceDescriptor]) -> Result<Value> {
        self.examples.finish()?;
        self.errors.finish()?;
        let tags: Vec<_> = services
            .iter()
            .map(|service| {
                let about = self.comments.at(&service.parent_file(), service.path());
                json!({ "name": service.name(), "description": about.whole() })
            })
            .collect();
        self.schemas.components.extend(status::schemas());
        Ok(json!({
            "openapi": "3.1.0",
            "info": info(),
            "servers": [{ "url": "/" }],
            "tags": tags,
            "paths": self.paths,
            "components": {
                "schemas": self.schemas.components,
                "responses": self.errors.responses,
                "headers": responses::headers(),
                "examples": self.errors.examples,
                "securitySchemes": security::schemes(),
            },
        }))
    }
}

fn info() -> Value {
    let licence = env!("CARGO_PKG_LICENSE");
    json!({
        "title": "Countersign",
        "version": env!("CARGO_PKG_VERSION"),
        "summary": env!("CARGO_PKG_DESCRIPTION"),
        "description": include_str!("info.md"),
        "license": { "name": licence, "identifier": licence },
    })
}
