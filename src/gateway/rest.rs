//! Plain HTTP with JSON, by the rules of google.api.http.

use http::{
    HeaderMap, Method, Response,
    header::{CONTENT_TYPE, ORIGIN},
    request::Parts,
};
use serde_json::{Map, Value};

use super::{
    answer, body,
    call::Upstream,
    contract::{Contract, RequestBody, Rule},
    failure::Failure,
    json, message, parameters,
};
use crate::{
    domain::InvalidField,
    edge::{Payload, media_type},
};

/// Answers a request for a path of the rules.
///
/// # Errors
/// A path or a method without a rule; a request that is no message; the RPC's.
pub(super) async fn answer(
    upstream: &Upstream,
    head: &Parts,
    body: Payload,
) -> Result<Response<Payload>, Failure> {
    let text = body::read(body, upstream.max_request).await;
    let rule = rule(upstream.contract, &head.method, head.uri.path())?;
    if body::is_compressed(&head.headers) {
        return Err(Failure::compressed());
    }
    let request = request(rule, head, &text?)?;
    let answer = upstream.unary(&rule.rpc, head, &request).await.message?;
    Ok(answer::json(message::decode(&rule.rpc.output, &answer).map_err(body::defect)?))
}

/// The rule of a request. A HEAD is a GET whose body is left out.
fn rule(
    contract: &'static Contract,
    method: &Method,
    path: &str,
) -> Result<&'static Rule, Failure> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let rules: Vec<_> = contract.rules_at(path).collect();
    // Of paths that match, the one with the fewest variables is meant.
    let fewest = rules.first().map(|rule| rule.template.variables().count());
    let meant = || rules.iter().filter(|rule| Some(rule.template.variables().count()) == fewest);
    if let Some(rule) = meant().find(|rule| rule.method == method) {
        return Ok(rule);
    }
    let methods: Vec<_> = meant().flat_map(|rule| answered(&rule.method)).collect();
    Err(if methods.is_empty() { Failure::path() } else { Failure::method(&methods.join(", ")) })
}

/// The methods that a rule answers.
fn answered(method: &Method) -> impl Iterator<Item = &str> {
    let head = (method == Method::GET).then_some("HEAD");
    [method.as_str()].into_iter().chain(head)
}

/// The message of a request, from its path, its query and its body.
fn request(rule: &Rule, head: &Parts, text: &[u8]) -> Result<Vec<u8>, Failure> {
    let input = &rule.rpc.input;
    let (mut object, query) = match &rule.body {
        RequestBody::Nothing if text.is_empty() => (Map::new(), true),
        RequestBody::Nothing => return Err(InvalidField::new("body", "must be empty").into()),
        RequestBody::Everything => (members(&head.headers, input, text)?, false),
        RequestBody::Field(name) => {
            let field = message::field_of(input, name);
            let inner = field.and_then(|field| field.kind().as_message().cloned());
            let inner = inner.ok_or_else(Failure::path)?;
            let body = members(&head.headers, &inner, text)?;
            (Map::from_iter([(name.clone(), Value::Object(body))]), true)
        }
    };
    let path = rule.template.matches(head.uri.path()).unwrap_or_default();
    parameters::add_path(input, &mut object, path)?;
    let asked = head.uri.query().unwrap_or_default();
    let body = match &rule.body {
        RequestBody::Field(name) => Some(name.as_str()),
        RequestBody::Nothing | RequestBody::Everything => None,
    };
    if query {
        parameters::add_query(input, &mut object, asked, body)?;
    } else if !asked.is_empty() {
        return Err(InvalidField::new("query", "must be empty: the fields are in the body").into());
    }
    Ok(message::encode(input, &object)?)
}

/// The members of a body. An empty one of no type has none, but not from a web page, which can send that to another site
/// unasked, with a client certificate (CSRF). One of another type is refused even if it is empty: a form may well be.
fn members(
    headers: &HeaderMap,
    of: &prost_reflect::MessageDescriptor,
    text: &[u8],
) -> Result<Map<String, Value>, Failure> {
    let is_json = media_type(headers).eq_ignore_ascii_case("application/json");
    match (is_json, text.is_empty()) {
        (true, false) => Ok(json::read(of, text)?),
        (true, true) => Ok(Map::new()),
        (false, true) if !headers.contains_key(CONTENT_TYPE) && !is_of_page(headers) => {
            Ok(Map::new())
        }
        (false, _) => Err(Failure::media_type("application/json")),
    }
}

/// Whether a browser sends it for a page.
fn is_of_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}
