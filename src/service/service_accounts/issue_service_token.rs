//! IssueServiceToken: an access token for a service (client credentials; RFC 6749, section 4.4).

use super::{Asked, ServiceAccounts, ServiceProof, ServiceToken};
use crate::{
    domain::{Context, size},
    service::{Error, fields::check_sizes},
};

/// The request.
#[derive(Debug)]
pub struct IssueServiceTokenRequest {
    /// What proves the service.
    pub proof: ServiceProof,
    /// The id of its account; empty is that of the proof.
    pub client_id: String,
    /// What it asks for.
    pub asked: Asked,
}

impl ServiceAccounts {
    /// Issues a token to a service, for what its account is granted.
    ///
    /// # Errors
    /// Bad fields; an invalid proof; what is not granted; the store's.
    pub async fn issue_service_token(
        &self,
        context: &Context,
        request: IssueServiceTokenRequest,
    ) -> Result<ServiceToken, Error> {
        let IssueServiceTokenRequest { proof, client_id, asked } = request;
        check_sizes([
            (size::CLIENT_ID, &client_id),
            (size::SCOPE, &asked.scope),
            (size::AUDIENCE, &asked.audience),
        ])?;
        let account = self.prove(context, &proof, &client_id).await?;
        let granted = self.grant(&account, &asked)?;
        let issued = self.tokens.issue_to_service(&granted, self.clock.now());
        let access = issued.map_err(|error| Error::Internal(error.into()))?;
        Ok(ServiceToken { access, scope: granted.scope })
    }
}
