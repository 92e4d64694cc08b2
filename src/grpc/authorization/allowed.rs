//! The answer to a request that may pass: what the upstream is told of the caller.

use std::{borrow::Cow, collections::BTreeMap};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use prost_types::{Struct, Value, value::Kind};
use serde_json::Value as Json;

use super::head::{Head, is_alike, values};
use crate::{
    pb::ext_authz::envoy::{
        config::core::v3::{HeaderValue, HeaderValueOption},
        service::auth::v3::{CheckResponse, OkHttpResponse, check_response::HttpResponse},
    },
    service::Allowed,
    token::Claims,
};

const USER_ID: &str = "x-auth-user-id";
const USERNAME: &str = "x-auth-username";
const ROLES: &str = "x-auth-roles";
const SESSION_ID: &str = "x-auth-session-id";
const SERVICE_ID: &str = "x-auth-service-id";
pub(super) const REVOCATIONS: &str = "x-auth-revocations";

/// Its value, where nobody can tell whether the token was revoked.
pub(super) const UNKNOWN: &str = "unknown";

/// Whatever begins with this is for nobody else to say.
const PREFIX: &str = "x-auth-";

/// What the upstream believes because it comes from here.
const OURS: [&str; 6] = [USER_ID, USERNAME, ROLES, SESSION_ID, SERVICE_ID, REVOCATIONS];

/// What stays as it is in the value of a header: visible ASCII. `%` is the escape, and a comma ends a member of a list.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',');

/// The answer. Envoy puts our headers over those that the caller has sent, and takes away those that we do not set: nobody else says who
/// the caller is.
pub(super) fn answer(allowed: &Allowed, head: &Head, cookie: Option<&str>) -> CheckResponse {
    let mut headers = identity(allowed);
    let mut remove = forged(allowed, head, &headers);
    if allowed.strip_token {
        strip(head, cookie, &mut headers, &mut remove);
    }
    let headers = headers.into_iter().map(|(key, value)| option(key, value)).collect();
    let ok = OkHttpResponse { headers, headers_to_remove: remove, ..OkHttpResponse::default() };
    CheckResponse {
        status: Some(tonic_types::pb::Status::default()),
        dynamic_metadata: Some(metadata(allowed)),
        http_response: Some(HttpResponse::OkResponse(ok)),
    }
}

/// Without `append` or an action: such a header replaces the caller's.
fn option(key: String, value: String) -> HeaderValueOption {
    let header = Some(HeaderValue { key, value, ..HeaderValue::default() });
    HeaderValueOption { header, ..HeaderValueOption::default() }
}

/// The headers that say who the caller is.
fn identity(allowed: &Allowed) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut set = |name: &str, value: String| headers.push((name.to_owned(), value));
    match allowed.token.as_ref().map(|token| token.claims()) {
        Some(Claims::User(of)) => {
            set(USER_ID, of.sub.to_string());
            set(USERNAME, escaped(&of.preferred_username).into_owned());
            set(SESSION_ID, of.sid.to_string());
            if !of.roles.is_empty() {
                set(ROLES, of.roles.join(","));
            }
            if let Some(service) = &of.act {
                set(SERVICE_ID, service.sub.to_string());
            }
        }
        Some(Claims::Service(of)) => set(SERVICE_ID, of.sub.to_string()),
        None => {}
    }
    if allowed.is_unsure {
        set(REVOCATIONS, UNKNOWN.to_owned());
    }
    let claims = allowed.claims.iter();
    headers.extend(claims.filter_map(|(name, claim)| Some((name.clone(), text(claim)?))));
    headers
}

fn escaped(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, ESCAPED).into()
}

/// A claim as the value of a header; none for an object, and for what is empty.
fn text(claim: &Json) -> Option<String> {
    let text = match claim {
        Json::String(text) => escaped(text).into_owned(),
        Json::Number(number) => number.to_string(),
        Json::Bool(value) => value.to_string(),
        Json::Array(members) => members.iter().map(text).collect::<Option<Vec<_>>>()?.join(","),
        Json::Null | Json::Object(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The headers to take away: those of ours that are not set, and what else the caller has sent that looks like one of ours.
fn forged(allowed: &Allowed, head: &Head, set: &[(String, String)]) -> Vec<String> {
    let filled = allowed.rules.headers();
    let ours = || OURS.into_iter().chain(filled.iter().map(String::as_str));
    let is_set = |name: &str| set.iter().any(|(own, _)| own == name);
    let looks_so = |name: &str| {
        name.get(..PREFIX.len()).is_some_and(|begin| is_alike(begin, PREFIX))
            || filled.iter().any(|own| is_alike(name, own))
    };
    let sent = head.names().filter(|name| looks_so(name) && !ours().any(|own| own == *name));
    ours().filter(|name| !is_set(name)).chain(sent).map(str::to_owned).collect()
}

/// Keeps the token from the upstream. Other cookies stay as they are.
fn strip(
    head: &Head,
    cookie: Option<&str>,
    headers: &mut Vec<(String, String)>,
    remove: &mut Vec<String>,
) {
    remove.push("authorization".to_owned());
    let has_token = |pair: &&str| cookie.is_some_and(|name| values(pair, name).next().is_some());
    let (own, others): (Vec<_>, Vec<_>) = head.cookies().partition(has_token);
    if own.is_empty() {
        return;
    }
    if others.is_empty() {
        remove.push("cookie".to_owned());
    } else {
        headers.push(("cookie".to_owned(), others.join("; ")));
    }
}

/// What later filters, such as RBAC and access logs, can read in the namespace `envoy.filters.http.ext_authz`.
fn metadata(allowed: &Allowed) -> Struct {
    let rule = i32::try_from(allowed.rule).unwrap_or(i32::MAX);
    let mut fields = BTreeMap::from([("rule".to_owned(), Kind::NumberValue(rule.into()))]);
    let mut set = |name: &str, value: Kind| fields.insert(name.to_owned(), value);
    let word = |text: &str| Kind::StringValue(text.to_owned());
    match allowed.token.as_ref().map(|token| token.claims()) {
        Some(Claims::User(of)) => {
            set("user_id", word(&of.sub.to_string()));
            set("username", word(&of.preferred_username));
            set("session_id", word(&of.sid.to_string()));
            set("roles", list(&of.roles));
            set("amr", list(&of.amr));
            if let Some(service) = &of.act {
                set("service_id", word(&service.sub.to_string()));
            }
        }
        Some(Claims::Service(of)) => {
            set("service_id", word(&of.sub.to_string()));
        }
        None => {}
    }
    if allowed.is_unsure {
        set("revocations", word(UNKNOWN));
    }
    let fields = fields.into_iter().map(|(name, kind)| (name, Value { kind: Some(kind) }));
    Struct { fields: fields.collect() }
}

fn list(texts: &[String]) -> Kind {
    let value = |text: &String| Value { kind: Some(Kind::StringValue(text.clone())) };
    Kind::ListValue(prost_types::ListValue { values: texts.iter().map(value).collect() })
}
