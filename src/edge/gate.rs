//! Applies the table of access, before the handlers and in any transport.

use std::sync::Arc;

use http::Request;

use super::{
    access::{Need, Rpc},
    bearer::bearer,
};
use crate::{
    domain::{Actor, Callers, Context, Permission, ServiceKeyText},
    service::{Error, Service, ServiceAccounts, Sessions},
};

/// Authenticates callers, as far as the table asks for it.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Authenticates tokens.
    pub(crate) sessions: Arc<Sessions>,
    /// Authenticates keys.
    pub(crate) service_accounts: Arc<ServiceAccounts>,
    /// The policy of callers, if there is one.
    pub(crate) callers: Option<Arc<Callers>>,
}

impl Gate {
    /// Whether the handler may be called as the call is: without authentication.
    pub(crate) fn is_open(&self, rpc: Rpc) -> bool {
        rpc.need.is_met_by(&Actor::Nobody) && (rpc.permission.is_none() || self.callers.is_none())
    }

    /// Authenticates the actor, records it in the call's context, and applies the table, where that asks for anything
    /// ([`Gate::is_open`]).
    ///
    /// # Errors
    /// An invalid token or key; a missing permission; the store's.
    pub(crate) async fn admit<B>(&self, rpc: Rpc, request: &mut Request<B>) -> Result<(), Error> {
        if let (Some(permission), Some(callers)) = (rpc.permission, &self.callers) {
            self.permit(callers, permission, request).await?;
        }
        if rpc.need == Need::Bearer { self.authenticate_user(request).await } else { Ok(()) }
    }

    /// A user's own access token.
    async fn authenticate_user<B>(&self, request: &mut Request<B>) -> Result<(), Error> {
        let jwt = bearer(request.headers()).ok_or(Error::TokenInvalid)?;
        let account = self.sessions.authenticate(jwt).await?;
        let context = context_of(request)?;
        *context = context.as_user(account.user().id, account.session().id);
        request.extensions_mut().insert(account);
        Ok(())
    }

    /// The certificate of the connection, or the token or key of a service account, whichever permits it.
    async fn permit<B>(
        &self,
        callers: &Callers,
        permission: Permission,
        request: &mut Request<B>,
    ) -> Result<(), Error> {
        let context = context_of(request)?.clone();
        if callers.permit(context.certificate(), permission) {
            return Ok(());
        }
        let token = bearer(request.headers()).ok_or(Error::PermissionMissing(permission))?;
        let service = self.service_with(permission, &context, token).await?;
        *context_of(request)? = context.as_service(service.id);
        request.extensions_mut().insert(service);
        Ok(())
    }

    /// Whether the certificate of the connection has the permission. Where nothing is proved, the answer is no, also if the
    /// policy gives it to anyone.
    pub(crate) fn permits_certificate(&self, context: &Context, permission: Permission) -> bool {
        let (name, callers) = (context.certificate(), self.callers.as_ref());
        name.is_some() && callers.is_some_and(|callers| callers.permit(name, permission))
    }

    /// The service of a bearer token, an access token or one of its keys, if it has the permission.
    ///
    /// # Errors
    /// An invalid token; a service without the permission, and a user; the store's.
    pub(crate) async fn service_with(
        &self,
        permission: Permission,
        context: &Context,
        token: &str,
    ) -> Result<Service, Error> {
        let service = if ServiceKeyText::is_like(token) {
            Some(self.service_accounts.authenticate_key(context, token).await?)
        } else {
            self.sessions.authenticate_service(token).await?
        };
        let service = service.ok_or(Error::PermissionMissing(permission))?;
        service.must_have(permission)?;
        Ok(service)
    }
}

/// The context of a call, which an earlier layer has put there.
fn context_of<B>(request: &mut Request<B>) -> Result<&mut Context, Error> {
    request.extensions_mut().get_mut::<Context>().ok_or_else(|| Error::Internal(NoContext.into()))
}

/// A call reached the table without its context: a defect of the layers.
#[derive(Debug, thiserror::Error)]
#[error("a call came without its context")]
struct NoContext;
