//! TokenService: translates, no more.

use tonic::{Request, Response, Status};

use super::{convert, status::internal};
use crate::{
    pb::{self, token_service_server::TokenService},
    service::UseCases,
};

/// The handlers.
#[derive(Debug)]
pub(super) struct TokenApi(pub(super) UseCases);

#[tonic::async_trait]
impl TokenService for TokenApi {
    async fn get_jwks(
        &self,
        _request: Request<pb::GetJwksRequest>,
    ) -> Result<Response<pb::GetJwksResponse>, Status> {
        let jwks = self.0.jwks();
        let jwks_json = serde_json::to_vec(&jwks).map_err(|error| internal(&error))?;
        let keys = jwks.keys.into_iter().map(convert::jwk).collect();
        Ok(Response::new(pb::GetJwksResponse { jwks_json, keys }))
    }

    async fn introspect_token(
        &self,
        _request: Request<pb::IntrospectTokenRequest>,
    ) -> Result<Response<pb::IntrospectTokenResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    type WatchRevocationsStream = tokio_stream::Empty<Result<pb::WatchRevocationsResponse, Status>>;

    async fn watch_revocations(
        &self,
        _request: Request<pb::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        Err(Status::unimplemented("not yet"))
    }
}
