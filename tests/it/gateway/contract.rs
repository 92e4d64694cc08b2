//! The RPCs and their rules, from the descriptor set: a new one can't be forgotten.

use std::sync::LazyLock;

use countersign::pb::DESCRIPTORS;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap());

/// An RPC with one answer to one request, and where it is.
#[derive(Debug, Clone)]
pub struct Unary {
    /// Such as `/auth.v1.AuthService/Login`.
    pub path: String,
    pub input: MessageDescriptor,
    pub output: MessageDescriptor,
    pub is_safe: bool,
    pub rules: Vec<Rule>,
}

/// A rule of google.api.http.
#[derive(Debug, Clone)]
pub struct Rule {
    pub method: String,
    /// With variables in braces.
    pub path: String,
    /// Empty, `*`, or the field that is the body.
    pub body: String,
}

impl Rule {
    /// The path with this text for each variable.
    pub fn at(&self, text: &str) -> String {
        let segments = self.path.split('/').map(|segment| match segment.split_once('}') {
            Some((_variable, verb)) => format!("{text}{verb}"),
            None => segment.to_owned(),
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// All of them.
pub fn rpcs() -> Vec<Unary> {
    let services = POOL.services().filter(|service| service.package_name() == "auth.v1");
    let methods: Vec<_> =
        services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let is_unary =
        |method: &&MethodDescriptor| !method.is_client_streaming() && !method.is_server_streaming();
    let rpcs: Vec<_> = methods.iter().filter(is_unary).map(unary).collect();
    assert!(rpcs.len() >= 40, "{}", rpcs.len());
    assert!(rpcs.iter().all(|rpc| !rpc.rules.is_empty()), "{rpcs:?}");
    rpcs
}

/// The RPC of that service and name, such as `AuthService/Login`.
pub fn rpc(name: &str) -> Unary {
    rpcs().into_iter().find(|rpc| rpc.path == format!("/auth.v1.{name}")).unwrap()
}

/// All rules, with their RPCs.
pub fn rules() -> Vec<(Unary, Rule)> {
    let pairs = |rpc: Unary| {
        let rules = rpc.rules.clone();
        rules.into_iter().map(move |rule| (rpc.clone(), rule))
    };
    rpcs().into_iter().flat_map(pairs).collect()
}

fn unary(method: &MethodDescriptor) -> Unary {
    let options = method.options();
    let level = options.get_field_by_name("idempotency_level").unwrap().as_enum_number();
    let http = POOL.get_extension_by_name("google.api.http").unwrap();
    let first = options.get_extension(&http).as_message().unwrap().clone();
    let more = first.get_field_by_name("additional_bindings").unwrap().into_owned();
    let more = more.as_list().unwrap().iter().map(|more| more.as_message().unwrap().clone());
    Unary {
        path: format!("/{}/{}", method.parent_service().full_name(), method.name()),
        input: method.input(),
        output: method.output(),
        is_safe: level == Some(1),
        rules: [first.clone()].into_iter().chain(more).map(|rule| of(&rule)).collect(),
    }
}

fn of(rule: &DynamicMessage) -> Rule {
    let text = |name: &str| rule.get_field_by_name(name).unwrap().as_str().unwrap().to_owned();
    let methods = ["get", "put", "post", "delete", "patch"];
    let method = methods.into_iter().find(|method| !text(method).is_empty()).unwrap();
    Rule { method: method.to_uppercase(), path: text(method), body: text("body") }
}
