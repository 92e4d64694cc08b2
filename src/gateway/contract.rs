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
    /// `idempotency_level` is NO_SIDE_EFFECTS: it may be called by GET.
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
    fn read(descriptors: &[u8]) -> Result<Self, Box<dyn std::error::Error>> {
        let pool = DescriptorPool::decode(descriptors)?;
        let http = pool.get_extension_by_name("google.api.http").ok_or("no google.api.http")?;
        let mut contract = Self { rpcs: HashMap::new(), rules: Vec::new() };
        let services: Vec<_> = pool.services().collect();
        for method in services.iter().flat_map(|service| service.methods()) {
            let rpc = Rpc::of(&method)?;
            contract.add_rules(&method, &http, &rpc)?;
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
        Ok(Self {
            path: format!("/{}/{}", method.parent_service().full_name(), method.name()).parse()?,
            input: method.input(),
            output: method.output(),
            streams_requests: method.is_client_streaming(),
            streams_answers: method.is_server_streaming(),
            is_safe: level.and_then(|level| level.as_enum_number()) == Some(NO_SIDE_EFFECTS),
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
