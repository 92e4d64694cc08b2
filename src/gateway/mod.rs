//! RPCs for callers that do not speak gRPC: HTTP with JSON by the rules of google.api.http, Connect, and gRPC-Web.
//!
//! Each request becomes a call of this process's gRPC services, through all of their layers: access, deadlines, limits,
//! log line and figures are gRPC's own, and there is nothing to keep in step (ADR 41).

mod answer;
mod body;
mod call;
mod connect;
mod contract;
mod envelope;
mod failure;
mod grpc_web;
mod json;
mod message;
mod parameters;
mod rest;
mod template;

use http::{HeaderMap, HeaderName, Request, Response, header::AUTHORIZATION};

use self::{
    call::Upstream,
    contract::{CONTRACT, Contract},
};
use crate::edge::{Payload, Rpcs};

/// Answers what is not gRPC by RPCs.
#[derive(Debug, Clone)]
pub struct Gateway(Upstream);

impl Gateway {
    /// A gateway to these RPCs, for requests of so many bytes at most.
    pub fn new(rpcs: Rpcs, max_request: usize) -> Self {
        Self(Upstream { contract: &CONTRACT, rpcs, metadata: &[AUTHORIZATION], max_request })
    }

    /// A gateway to RPCs of another contract, a descriptor set, that read these headers: those of a test of the protocols.
    /// It stays in memory for as long as the process lasts.
    ///
    /// # Errors
    /// A descriptor set that can't be read.
    pub fn of(
        descriptors: &[u8],
        rpcs: Rpcs,
        metadata: &'static [HeaderName],
        max_request: usize,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let contract = Box::leak(Box::new(Contract::read(descriptors)?));
        Ok(Self(Upstream { contract, rpcs, metadata, max_request }))
    }

    /// Answers a request, which has its `Context` among its extensions.
    pub async fn answer(&self, request: Request<Payload>) -> Response<Payload> {
        let rpc = self.0.contract.rpc(request.uri().path());
        // Only of what is known: tonic-web logs paths, and callers may invent them.
        if rpc.is_some() && grpc_web::is_meant(&request) {
            let answered = grpc_web::answer(&self.0, request).await;
            return answered.unwrap_or_else(|(failure, head)| failure.into_response(&head));
        }
        let (head, body) = request.into_parts();
        match rpc {
            Some(rpc) => return connect::answer(&self.0, rpc, &head, body).await,
            None if is_of_connect(&head.headers) && !self.has_rule(head.uri.path()) => {
                return connect::unknown(&head);
            }
            None => {}
        }
        let answered = rest::answer(&self.0, &head, body).await;
        answered.unwrap_or_else(|failure| failure.into_response(&head))
    }

    fn has_rule(&self, path: &str) -> bool {
        self.0.contract.rules_at(path).next().is_some()
    }
}

/// The paths that it answers, as a log may tell them: the template of a rule, or the path of an RPC.
pub fn known_path(path: &str) -> Option<&'static str> {
    let rule = CONTRACT.rules_at(path).next().map(|rule| rule.template.text());
    rule.or_else(|| CONTRACT.rpc(path).map(|rpc| rpc.path.path()))
}

/// Whether it is the path of an RPC of ours.
pub fn is_path_of_rpc(path: &str) -> bool {
    CONTRACT.rpc(path).is_some()
}

/// Whether a client of Connect says that it is one. It wants errors in Connect's form, also of an RPC that is unknown.
pub fn is_of_connect(headers: &HeaderMap) -> bool {
    headers.contains_key(connect::VERSION)
}
