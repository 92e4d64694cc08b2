//! Envoy's `ext_authz`: whether requests to other services may pass.

mod allowed;
mod head;
mod refused;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use self::head::Head;
use crate::{
    domain::authorization,
    pb::ext_authz::envoy::service::auth::v3::{
        CheckRequest, CheckResponse, authorization_server::Authorization,
    },
    service::{Allowed, Authorizer, Refused},
};

/// The handler.
#[derive(Debug)]
pub struct AuthorizationApi {
    /// Decides.
    pub(crate) authorizer: Arc<Authorizer>,
    /// The cookie that may hold a token, where there is no `authorization`.
    pub(crate) cookie: Option<String>,
}

/// Always an answer, and never an error: Envoy lets requests pass at an error of its authorizer if it is told to (`failure_mode_allow`).
#[tonic::async_trait]
impl Authorization for AuthorizationApi {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let http = request.into_inner().attributes.and_then(|of| of.request?.http);
        let head = Head::new(http.unwrap_or_default());
        let answer = match self.decide(&head).await {
            Ok(allowed) => allowed::answer(&allowed, &head, self.cookie.as_deref()),
            Err(refused) => refused::answer(&refused, head.is_grpc()),
        };
        Ok(Response::new(answer))
    }
}

impl AuthorizationApi {
    async fn decide(&self, head: &Head) -> Result<Allowed, Refused> {
        let (other_methods, other_paths) = (head.other_methods(), head.other_paths());
        let (host, method, path) = (head.host(), head.method(), head.path());
        let request = authorization::Request {
            host,
            method,
            path,
            other_methods: &other_methods,
            other_paths: &other_paths,
        };
        let cookie = self.cookie.as_deref();
        self.authorizer.check(&request, head.presented(cookie)).await
    }
}
