//! TokenService: only translates.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::{arrival::context, convert, key_set::KeySet, services, status::status};
use crate::{
    pb::{self, token_service_server::TokenService},
    service::{Keys, Revocations, Service, ServiceAccounts, Verdicts},
};

/// The handlers.
#[derive(Debug)]
pub struct TokenApi {
    /// The key set.
    pub(crate) keys: Arc<Keys>,
    /// The last answer of GetJwks.
    pub(crate) key_set: KeySet,
    /// Introspects tokens.
    pub(crate) verdicts: Arc<Verdicts>,
    /// Streams revocations.
    pub(crate) revocations: Arc<Revocations>,
    /// Issues the tokens of services.
    pub(crate) service_accounts: Arc<ServiceAccounts>,
}

#[tonic::async_trait]
impl TokenService for TokenApi {
    async fn get_jwks(
        &self,
        _request: Request<pb::GetJwksRequest>,
    ) -> Result<Response<pb::GetJwksResponse>, Status> {
        Ok(Response::new(self.key_set.of(&self.keys.jwks())))
    }

    async fn introspect_token(
        &self,
        request: Request<pb::IntrospectTokenRequest>,
    ) -> Result<Response<pb::IntrospectTokenResponse>, Status> {
        let token = Zeroizing::new(request.into_inner().token);
        let token = self.verdicts.introspect_token(&token).await.map_err(status)?;
        let (active, claims) =
            (token.is_some(), token.map(|token| convert::claims(token.claims())));
        Ok(Response::new(pb::IntrospectTokenResponse { active, claims }))
    }

    async fn issue_service_token(
        &self,
        request: Request<pb::IssueServiceTokenRequest>,
    ) -> Result<Response<pb::IssueServiceTokenResponse>, Status> {
        let context = context(&request);
        let request = services::issue_request(request.into_inner()).map_err(status)?;
        let issued = self.service_accounts.issue_service_token(&context, request).await;
        Ok(Response::new(services::issued(issued.map_err(status)?)))
    }

    async fn exchange_token(
        &self,
        request: Request<pb::ExchangeTokenRequest>,
    ) -> Result<Response<pb::ExchangeTokenResponse>, Status> {
        let context = context(&request);
        let request = services::exchange_request(request.into_inner()).map_err(status)?;
        let exchanged = self.service_accounts.exchange_token(&context, request).await;
        Ok(Response::new(services::exchanged(exchanged.map_err(status)?)))
    }

    type WatchRevocationsStream = BoxStream<'static, Result<pb::WatchRevocationsResponse, Status>>;

    async fn watch_revocations(
        &self,
        request: Request<pb::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        let subscriber = request.extensions().get::<Service>().cloned();
        let cursor = request.into_inner().cursor;
        let revocations = self.revocations.watch_revocations(subscriber, &cursor).await;
        let revocations = revocations.map_err(status)?;
        let messages = stream::unfold(revocations, |mut revocations| async {
            let update = revocations.next().await?;
            Some((Ok(convert::revocation_update(update)), revocations))
        });
        Ok(Response::new(Box::pin(messages)))
    }
}
