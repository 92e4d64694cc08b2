//! Revocation of one token (RFC 7009).

use super::{ServiceAccounts, ServiceProof};
use crate::{
    domain::Context,
    service::{Error, ServiceError},
    token::OpaqueToken,
};

const UNPROVED: &str = "the token is a service's, which must prove itself";

/// The request.
#[derive(Debug)]
pub struct RevokeTokenRequest {
    /// What proves the service; a user's refresh token needs none.
    pub proof: Option<ServiceProof>,
    /// The id of its account; empty is that of the proof.
    pub client_id: String,
    /// The token.
    pub token: OpaqueToken,
}

impl ServiceAccounts {
    /// Ends a token: a service's own access token, or the session of a user's refresh token, by which Logout ends it as
    /// well. A token that is unknown, of another, or ended before is no error (RFC 7009, section 2.2): the caller has
    /// nothing to do about it.
    ///
    /// # Errors
    /// An invalid proof; a user's access token, which only ends with its session; an address over its rate limit; the store's.
    pub async fn revoke_token(
        &self,
        context: &Context,
        request: RevokeTokenRequest,
    ) -> Result<(), Error> {
        let RevokeTokenRequest { proof, client_id, token } = request;
        let service = match proof {
            Some(proof) => Some(self.prove(context, &proof, &client_id).await?),
            None => None,
        };
        match self.sessions.bearer(token.expose(), &self.policy.audiences).await? {
            Some(bearer) => {
                let (id, token_id) = bearer
                    .service_token()
                    .ok_or(Error::Service(ServiceError::TokenTypeUnsupported))?;
                let own =
                    service.ok_or(Error::Service(ServiceError::ProofInvalid(UNPROVED.into())))?;
                if own.id != id {
                    return Err(Error::Service(ServiceError::NotGranted("token")));
                }
                // Each is told to every verifier, which keeps it for as long as tokens live.
                self.limits.admit(context)?;
                let at = self.sessions.revoking(&context.as_service(own.id), self.clock.now());
                self.store.service_token_revoke(own.id, token_id, at).await?;
            }
            None => match self.sessions.logout(context, token).await {
                Ok(()) | Err(Error::TokenInvalid) => {}
                Err(error) => return Err(error),
            },
        }
        Ok(())
    }
}
