//! ExchangeToken: a service acts for a user whose token it holds (RFC 8693).

use super::{Asked, ServiceAccounts, ServiceProof, ServiceToken};
use crate::{
    domain::{Context, Event, EventKind, size},
    service::{
        Error, ServiceError,
        fields::check_sizes,
        known,
        sessions::{Account, Bearer},
    },
    token::OpaqueToken,
};

/// The request.
#[derive(Debug)]
pub struct ExchangeTokenRequest {
    /// What proves the service.
    pub proof: ServiceProof,
    /// The id of its account; empty is that of the proof.
    pub client_id: String,
    /// The user's access token.
    pub subject_token: OpaqueToken,
    /// What the service asks for.
    pub asked: Asked,
}

impl ServiceAccounts {
    /// Issues a token by which a service acts for a user. It is no wider than the account's grants, does not outlive the
    /// user's token, names the service, and can't be exchanged again. It is on record before it is answered.
    ///
    /// # Errors
    /// Bad fields; an invalid proof; what is not granted; an invalid token of the user; the store's.
    pub async fn exchange_token(
        &self,
        context: &Context,
        request: ExchangeTokenRequest,
    ) -> Result<ServiceToken, Error> {
        let ExchangeTokenRequest { proof, client_id, subject_token, asked } = request;
        check_sizes([
            (size::CLIENT_ID, &client_id),
            (size::SUBJECT_TOKEN, subject_token.expose()),
            (size::SCOPE, &asked.scope),
            (size::AUDIENCE, &asked.audience),
        ])?;
        let service = self.prove(context, &proof, &client_id).await?;
        if !service.grants.may_exchange {
            return Err(Error::Service(ServiceError::NotGranted("exchange")));
        }
        let granted = self.grant(&service, &asked)?;
        let user = self.subject(&subject_token).await?;
        let now = self.clock.now();
        // Time has gone by since it was verified: what is issued must live for a second at least.
        let claims = user.own_claims().filter(|claims| claims.exp > now.unix_seconds());
        let claims = claims.ok_or(Error::Service(ServiceError::SubjectTokenInvalid))?;
        let issued = self.tokens.issue_for_user(&granted, claims, now);
        let access = issued.map_err(|error| Error::Internal(error.into()))?;
        self.record(&context.as_service(service.id), &user).await?;
        Ok(ServiceToken { access, scope: granted.scope })
    }

    /// The user whose token it is, for whichever audience of ours.
    async fn subject(&self, token: &OpaqueToken) -> Result<Account, Error> {
        match self.sessions.bearer(token.expose(), &self.policy.audiences).await? {
            Some(Bearer::User(account)) => {
                known::record(account.user().id, account.session().id);
                Ok(*account)
            }
            Some(Bearer::Service(_)) | None => {
                Err(Error::Service(ServiceError::SubjectTokenInvalid))
            }
        }
    }

    async fn record(&self, context: &Context, user: &Account) -> Result<(), Error> {
        let (user_id, session_id) = (Some(user.user().id), Some(user.session().id));
        let (actor, address, now) = (context.actor.clone(), context.address, self.clock.now());
        let kind = EventKind::TokenExchanged;
        let event = Event::of(kind, user_id, session_id, actor, address, now);
        Ok(self.store.event_append(event, None).await?)
    }
}
