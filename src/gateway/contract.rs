//! The RPCs and their rules, read from the descriptors of the contract.

use std::{collections::HashMap, sync::LazyLock};

use http::{Method, Uri};
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, MessageDescriptor, MethodDescriptor,
};

use super::template::Template;
use crate::pb::DESCRIPTORS;

/// The contract of this build. A test reads it: what the build has compiled can be read.
#[expect(clippy::expect_used, reason = "a constant of the build, which a test reads")]
pub(super) static CONTRACT: LazyLock<Contract> =
    LazyLock::new(|| Contract::read(DESCRIPTORS).expect("the contract of the build"));

/// All RPCs, and how HTTP reaches them.
#[derive(Debug)]
pub(super) struct Contract {
    rpcs: HashMap<String, Rpc>,
    /// Paths without variables first: `/v1/users/me` would be no user's id.
    rules: Vec<Rule>,
}

/// An RPC.
#[derive(Debug, Clone)]
pub(super) struct Rpc {
    /// Such as `/auth.v1.AuthService/Login`.
    pub(super) path: Uri,
    pub(super) input: MessageDescriptor,
    pub(super) output: MessageDescriptor,
    pub(super) streams_requests: bool,
    pub(super) streams_answers: bool,
    /// `idempotency_level` is NO_SIDE_EFFECTS, and there is one answer: it may be called by GET.
    pub(super) is_safe: bool,
}

/// A rule of google.api.http.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) method: Method,
    pub(super) template: Template,
    pub(super) body: RequestBody,
    pub(super) rpc: Rpc,
}

/// The fields that are in the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestBody {
    /// None.
    Nothing,
    /// All but those of the path.
    Everything,
    /// This one.
    Field(String),
}

impl Contract {
    /// Reads a descriptor set.
    ///
    /// # Errors
    /// A set that is not whole; a rule that is none of ours.
    pub(super) fn read(descriptors: &[u8]) -> Result<Self, Box<dyn std::error::Error>> {
        let pool = DescriptorPool::decode(descriptors)?;
        let http = pool.get_extension_by_name("google.api.http");
        let mut contract = Self { rpcs: HashMap::new(), rules: Vec::new() };
        let services: Vec<_> = pool.services().collect();
        for method in services.iter().flat_map(|service| service.methods()) {
            let rpc = Rpc::of(&method)?;
            if let Some(http) = &http {
                contract.add_rules(&method, http, &rpc)?;
            }
            contract.rpcs.insert(rpc.path.path().to_owned(), rpc);
        }
        contract.rules.sort_by_key(|rule| rule.template.variables().count());
        Ok(contract)
    }

    fn add_rules(
        &mut self,
        method: &MethodDescriptor,
        http: &ExtensionDescriptor,
        rpc: &Rpc,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let options = method.options();
        if !options.has_extension(http) {
            return Ok(());
        }
        let first = options.get_extension(http);
        let Some(first) = first.as_message() else { return Ok(()) };
        self.rules.extend(Rule::of(first, rpc)?);
        let more = first.get_field_by_name("additional_bindings");
        let more = more.as_ref().and_then(|list| list.as_list()).unwrap_or_default();
        for binding in more.iter().filter_map(|binding| binding.as_message()) {
            self.rules.extend(Rule::of(binding, rpc)?);
        }
        Ok(())
    }

    /// The RPC at that path.
    pub(super) fn rpc(&self, path: &str) -> Option<&Rpc> {
        self.rpcs.get(path)
    }

    /// The rules whose template matches the path, whatever their method.
    pub(super) fn rules_at<'a>(
        &'static self,
        path: &'a str,
    ) -> impl Iterator<Item = &'static Rule> + use<'a> {
        self.rules.iter().filter(move |rule| rule.template.matches(path).is_some())
    }
}

impl Rpc {
    fn of(method: &MethodDescriptor) -> Result<Self, http::uri::InvalidUri> {
        let level = method.options();
        let level = level.get_field_by_name("idempotency_level");
        let has_no_effect = level.and_then(|level| level.as_enum_number()) == Some(NO_SIDE_EFFECTS);
        let is_unary = !method.is_client_streaming() && !method.is_server_streaming();
        Ok(Self {
            path: format!("/{}/{}", method.parent_service().full_name(), method.name()).parse()?,
            input: method.input(),
            output: method.output(),
            streams_requests: method.is_client_streaming(),
            streams_answers: method.is_server_streaming(),
            is_safe: has_no_effect && is_unary,
        })
    }
}

/// Of google.protobuf.MethodOptions.IdempotencyLevel.
const NO_SIDE_EFFECTS: i32 = 1;

impl Rule {
    /// The rule, if it has a pattern.
    fn of(
        rule: &DynamicMessage,
        rpc: &Rpc,
    ) -> Result<Option<Self>, super::template::UnknownTemplate> {
        let text = |name: &str| {
            let value = rule.get_field_by_name(name)?;
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let methods =
            [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH].into_iter();
        let pattern = methods.filter_map(|method| {
            let path = text(&method.as_str().to_ascii_lowercase())?;
            Some((method, path))
        });
        let Some((method, path)) = pattern.into_iter().next() else { return Ok(None) };
        let body = match text("body").as_deref() {
            None => RequestBody::Nothing,
            Some("*") => RequestBody::Everything,
            Some(field) => RequestBody::Field(field.to_owned()),
        };
        Ok(Some(Self { method, template: Template::parse(&path)?, body, rpc: rpc.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PROTOS: [&str; 4] = [
        include_str!("../../proto/auth/v1/account_service.proto"),
        include_str!("../../proto/auth/v1/admin_service.proto"),
        include_str!("../../proto/auth/v1/auth_service.proto"),
        include_str!("../../proto/auth/v1/token_service.proto"),
    ];

    /// The rules as the files have them, found without a parser: the RPC, the method, the path.
    fn written() -> BTreeSet<(String, String, String)> {
        let mut rules = BTreeSet::new();
        for line in PROTOS.into_iter().flat_map(|file| file.split("\n  rpc ").skip(1)) {
            let rpc = line.split('(').next().unwrap();
            for method in ["get", "put", "post", "delete", "patch"] {
                for rest in line.split(&format!("{method}: \"")).skip(1) {
                    let path = rest.split('"').next().unwrap();
                    rules.insert((rpc.to_owned(), method.to_uppercase(), path.to_owned()));
                }
            }
        }
        rules
    }

    #[test]
    fn every_rule_of_the_files_is_there_and_no_other() {
        let read = CONTRACT.rules.iter().map(|rule| {
            let rpc = rule.rpc.path.path().rsplit('/').next().unwrap().to_owned();
            (rpc, rule.method.to_string(), rule.template.text().to_owned())
        });
        let (written, read) = (written(), read.collect::<BTreeSet<_>>());
        assert_eq!(read, written);
        assert_eq!(CONTRACT.rules.len(), written.len(), "none twice");
        let annotations = PROTOS.map(|file| file.matches("(google.api.http)").count());
        let more = PROTOS.map(|file| file.matches("additional_bindings").count());
        let count = annotations.iter().chain(&more).sum::<usize>();
        assert_eq!(read.len(), count, "each annotation has a pattern");
        assert!(count >= 41, "{count}");
    }

    #[test]
    fn every_rpc_is_there_and_has_a_rule_unless_it_streams() {
        let rpcs = PROTOS.map(|file| file.matches("\n  rpc ").count());
        assert_eq!(CONTRACT.rpcs.len(), rpcs.iter().sum::<usize>());
        for rpc in CONTRACT.rpcs.values() {
            let has_rule = CONTRACT.rules.iter().any(|rule| rule.rpc.path == rpc.path);
            assert_eq!(has_rule, !(rpc.streams_requests || rpc.streams_answers), "{}", rpc.path);
        }
        assert!(CONTRACT.rpc("/auth.v1.AuthService/login").is_none());
        assert!(CONTRACT.rpc("auth.v1.AuthService/Login").is_none());
    }

    /// Two rules of one method at one path: which one is meant would be a matter of their order.
    #[test]
    fn no_two_rules_answer_one_request() {
        for rule in &CONTRACT.rules {
            let path = rule.template.text().replace(['{', '}'], "");
            let at = CONTRACT.rules.iter().filter(|other| other.template.matches(&path).is_some());
            let same: Vec<_> = at.filter(|other| other.method == rule.method).collect();
            assert_eq!(same.len(), 1, "{} {path}: {same:?}", rule.method);
        }
    }

    /// No link, no image and no form of another site changes anything (CSRF), and no cache or log keeps a secret.
    #[test]
    fn get_is_of_rpcs_without_side_effects_and_what_changes_something_has_its_fields_in_the_body() {
        for rule in &CONTRACT.rules {
            let path = rule.template.text();
            assert_eq!(rule.method == Method::GET, rule.rpc.is_safe, "{path}");
            if rule.method == Method::POST {
                assert_eq!(rule.body, RequestBody::Everything, "{path}");
            }
        }
        for rpc in CONTRACT.rpcs.values().filter(|rpc| rpc.is_safe) {
            assert!(!rpc.streams_answers && !rpc.streams_requests, "{}", rpc.path);
            let texts = rpc.input.fields().map(|field| field.name().to_owned());
            let secret = |name: &String| ["password", "code", "token", "secret"].contains(&&**name);
            assert_eq!(texts.filter(secret).collect::<Vec<_>>(), Vec::<String>::new());
        }
    }

    #[test]
    fn the_fields_of_paths_and_bodies_exist_and_ids_that_are_secrets_are_in_no_path() {
        for rule in &CONTRACT.rules {
            for path in rule.template.variables() {
                let mut message = rule.rpc.input.clone();
                for name in path.split('.') {
                    let field = message.get_field_by_name(name).unwrap();
                    message = field.kind().as_message().cloned().unwrap_or(message);
                }
                assert!(
                    ["id", "user.id", "user_id", "session_id", "passkey_id"].contains(&path),
                    "{path}"
                );
            }
            if let RequestBody::Field(name) = &rule.body {
                let field = rule.rpc.input.get_field_by_name(name).unwrap();
                assert!(field.kind().as_message().is_some(), "{name}");
            }
        }
    }
}
