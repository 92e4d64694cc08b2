//! The file of rules: JSON.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer};

use super::{
    demand::{Demand, HolderKind},
    rule::{Access, Rule},
    target::{Path, Target},
};
use crate::domain::Scope;

/// Headers that a rule may not fill: those that say how the request is read, and those that a proxy or an upstream goes by.
const NOT_FILLED: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
];

/// Headers of ours begin with this.
const OURS: &str = "x-auth-";

/// The longest age of a login that a rule may ask for: longer than a session lives.
const LONGEST_AGE: Duration = Duration::from_secs(366 * 24 * 3600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    hosts: List,
    #[serde(default)]
    methods: List,
    #[serde(default, deserialize_with = "some")]
    path: Option<String>,
    #[serde(default, deserialize_with = "some")]
    path_prefix: Option<String>,
    #[serde(default, deserialize_with = "some")]
    grpc: Option<String>,
    #[serde(default, deserialize_with = "some")]
    access: Option<Kind>,
    #[serde(default)]
    roles: List,
    #[serde(default)]
    scopes: List,
    #[serde(default, deserialize_with = "some")]
    audience: Option<String>,
    #[serde(default, deserialize_with = "some")]
    max_login_age: Option<String>,
    #[serde(default)]
    second_factor: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    strip_token: bool,
}

/// A list that has something, or is left out. An empty one would ask for nothing, and be what a template makes of a list that somebody
/// forgot to fill.
#[derive(Deserialize, Default)]
#[serde(try_from = "Vec<String>")]
struct List(Vec<String>);

impl TryFrom<Vec<String>> for List {
    type Error = &'static str;

    fn try_from(texts: Vec<String>) -> Result<Self, Self::Error> {
        if texts.is_empty() {
            return Err("a list must not be empty: without it the rule asks for nothing");
        }
        Ok(Self(texts))
    }
}

/// Not `null`, for the same reason.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Open,
    Token,
    User,
    Service,
}

/// The rules in a file's text.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.rules.is_empty() {
        return Err("must have a rule: without one every request is refused".to_owned());
    }
    let numbered = (1..).zip(file.rules);
    numbered.map(|(number, of)| of.rule().map_err(|why| format!("rule {number}: {why}"))).collect()
}

impl Entry {
    fn rule(self) -> Result<Rule, String> {
        self.check_open()?;
        for name in self.headers.keys() {
            check_header(name)?;
        }
        let access = self.access()?;
        let target = Target::new(&self.hosts.0, self.methods()?, self.path()?)?;
        let headers = self.headers.into_iter().collect();
        Ok(Rule { target, access, headers, strip_token: self.strip_token })
    }

    /// Of a request that needs no token nothing is known.
    fn check_open(&self) -> Result<(), String> {
        let asks =
            !(self.roles.0.is_empty() && self.scopes.0.is_empty() && self.headers.is_empty())
                || self.audience.is_some()
                || self.max_login_age.is_some()
                || self.second_factor;
        if self.access == Some(Kind::Open) && asks {
            return Err("access: what is open can ask for nothing, and has no claims".to_owned());
        }
        Ok(())
    }

    fn path(&self) -> Result<Path, String> {
        match (&self.path, &self.path_prefix, &self.grpc) {
            (Some(path), None, None) => Path::parse(path, false),
            (None, Some(prefix), None) => Path::parse(prefix, true),
            (None, None, Some(rpc)) => Path::of_rpc(rpc),
            _ => Err("must have one of path, path_prefix and grpc".to_owned()),
        }
    }

    /// RPCs are all called by one method.
    fn methods(&self) -> Result<Vec<String>, String> {
        if self.grpc.is_none() {
            return Ok(self.methods.0.clone());
        }
        let is_free = self.methods.0.is_empty();
        let post = || vec!["POST".to_owned()];
        is_free.then(post).ok_or_else(|| "methods: gRPC has no others than POST".to_owned())
    }

    fn access(&self) -> Result<Access, String> {
        let holder = match self.access {
            Some(Kind::Open) => return Ok(Access::Open),
            Some(Kind::User) => Some(HolderKind::User),
            Some(Kind::Service) => Some(HolderKind::Service),
            Some(Kind::Token) | None => None,
        };
        if holder == Some(HolderKind::Service) {
            self.check_service()?;
        }
        let is_one = |text: &String| {
            !text.contains(' ') && Scope::parse(text).is_ok_and(|of| !of.is_empty())
        };
        if let Some(wrong) = self.scopes.0.iter().find(|text| !is_one(text)) {
            return Err(format!("scopes: {wrong:?} must be one scope, such as orders.read"));
        }
        let max_login_age = self.max_login_age.as_deref().map(age).transpose()?;
        Ok(Access::Token(Demand {
            holder,
            roles: self.roles.0.clone(),
            scopes: self.scopes.0.clone(),
            audience: self.audience.clone(),
            max_login_age,
            second_factor: self.second_factor,
        }))
    }

    /// What no service can have would refuse all of them.
    fn check_service(&self) -> Result<(), String> {
        if self.scopes.0.is_empty() {
            return Err("scopes: a service's token grants nothing but what its scopes say".into());
        }
        if !self.roles.0.is_empty() || self.max_login_age.is_some() || self.second_factor {
            return Err("access: a service has no roles, and does not log in".to_owned());
        }
        Ok(())
    }
}

fn age(text: &str) -> Result<Duration, String> {
    let age = humantime::parse_duration(text).ok().filter(|age| *age <= LONGEST_AGE);
    age.ok_or_else(|| {
        format!("max_login_age: {text:?} must be a duration such as 5m, of a year at the most")
    })
}

fn check_header(name: &str) -> Result<(), String> {
    let is_character = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || !name.bytes().all(is_character) {
        return Err(format!("headers: {name:?} must be lower-case letters, digits and dashes"));
    }
    if NOT_FILLED.contains(&name) || name.starts_with(OURS) || name.starts_with("x-envoy-") {
        return Err(format!("headers: {name:?} has a meaning of its own"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rule: &str) -> String {
        parse(&format!(r#"{{"rules": [{{"path": "/a"}}, {rule}]}}"#)).unwrap_err()
    }

    #[test]
    fn a_rule_may_have_every_member() {
        let text = r#"{"rules": [{"hosts": ["a.example"], "methods": ["GET"], "path_prefix": "/a", "access": "user",
            "roles": ["x"], "scopes": ["y"], "audience": "z", "max_login_age": "5m", "second_factor": true,
            "headers": {"x-tenant": "tenant"}, "strip_token": true}]}"#;
        let rules = parse(text).unwrap();
        let [Rule { access: Access::Token(demand), headers, strip_token, .. }] = &rules[..] else {
            panic!("{rules:?}")
        };
        let expected = Demand {
            holder: Some(HolderKind::User),
            roles: vec!["x".to_owned()],
            scopes: vec!["y".to_owned()],
            audience: Some("z".to_owned()),
            max_login_age: Some(Duration::from_secs(300)),
            second_factor: true,
        };
        assert_eq!(*demand, expected);
        assert!(*strip_token && *headers == [("x-tenant".to_owned(), "tenant".to_owned())]);
    }

    #[test]
    fn a_mistake_is_named_with_its_rule() {
        for (rule, expected) in [
            (r#"{"path": "/b", "role": ["x"]}"#, "unknown field `role`"),
            (r"{}", "rule 2: must have one of path, path_prefix and grpc"),
            (r#"{"path": "/b", "grpc": "a.B/C"}"#, "rule 2: must have one of"),
            (r#"{"path": "b"}"#, "rule 2: path: \"b\": the path does not begin with a slash"),
            (r#"{"path": "/b", "access": "open", "roles": ["x"]}"#, "rule 2: access: "),
            (r#"{"path": "/b", "access": "open", "headers": {"x-a": "b"}}"#, "rule 2: access: "),
            (r#"{"path": "/b", "access": "none"}"#, "unknown variant `none`"),
            (r#"{"path": "/b", "access": "service"}"#, "rule 2: scopes: "),
            (
                r#"{"path": "/b", "access": "service", "scopes": ["a"], "roles": ["x"]}"#,
                "rule 2: access: a service has no roles",
            ),
            (r#"{"path": "/b", "roles": []}"#, "a list must not be empty"),
            (r#"{"path": "/b", "scopes": []}"#, "a list must not be empty"),
            (r#"{"path": "/b", "methods": []}"#, "a list must not be empty"),
            (r#"{"path": "/b", "hosts": []}"#, "a list must not be empty"),
            (r#"{"path": "/b", "roles": null}"#, "invalid type: null"),
            (r#"{"path": "/b", "audience": null}"#, "invalid type: null"),
            (r#"{"path": "/b", "access": null}"#, "expected value"),
            (r#"{"path": "/b", "max_login_age": null}"#, "invalid type: null"),
            (r#"{"path": "/b", "scopes": ["a b"]}"#, "rule 2: scopes: \"a b\" must be one scope"),
            (r#"{"path": "/b", "max_login_age": "5"}"#, "rule 2: max_login_age: \"5\""),
            (r#"{"path": "/b", "headers": {"X-A": "b"}}"#, "rule 2: headers: \"X-A\" must be"),
            (r#"{"path": "/b", "headers": {"cookie": "b"}}"#, "rule 2: headers: \"cookie\" has"),
            (r#"{"path": "/b", "headers": {"x-auth-user-id": "b"}}"#, "rule 2: headers: "),
            (r#"{"grpc": "a.B/C", "methods": ["GET"]}"#, "rule 2: methods: "),
            (r#"{"path": "/b", "hosts": ["B"]}"#, "rule 2: hosts: \"B\""),
        ] {
            let told = refused(rule);
            assert!(told.contains(expected), "{rule}: {told}");
        }
        for text in [
            "",
            "{}",
            "[]",
            r#"{"rules": []}"#,
            r#"{"rules": [{"path": "/a"}], "default": "open"}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
