//! Applies the table of access, before the handlers and in any transport.

use std::sync::Arc;

use http::Request;

use super::{
    access::{Need, Rpc},
    bearer::bearer,
};
use crate::{
    domain::{Actor, Callers, Context, Permission, ServiceKeyText, roles_permit},
    service::{Account, Caller, Error, Principal, Service, ServiceAccounts, Sessions},
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
        match rpc.need {
            Need::Nothing | Need::Fields => Ok(()),
            Need::Bearer => self.authenticate_user(request).await,
            Need::BearerOrRetry => self.authenticate_caller(request).await,
            Need::Permission(permission) => self.authorize(permission, request).await,
        }
    }

    /// A user's own access token.
    async fn authenticate_user<B>(&self, request: &mut Request<B>) -> Result<(), Error> {
        let jwt = bearer(request.headers()).ok_or(Error::TokenInvalid)?;
        let account = self.sessions.authenticate(jwt).await?;
        insert_user(request, account)
    }

    /// A user's own access token, or one whose session has ended: the handler refuses that one, unless its request is a retry.
    async fn authenticate_caller<B>(&self, request: &mut Request<B>) -> Result<(), Error> {
        let jwt = bearer(request.headers()).ok_or(Error::TokenInvalid)?;
        let caller = self.sessions.caller(jwt).await?;
        if let Caller::Live(account) = &caller {
            record_user(context_of(request)?, account);
        }
        request.extensions_mut().insert(caller);
        Ok(())
    }

    /// Whoever proves to have the permission: a certificate that the policy names, a service account by its token or key, a user by
    /// a role. It is the user's role now, not the token's: one that was taken away counts no more.
    ///
    /// # Errors
    /// An invalid token or key; a missing permission; a session that has not used the second factor, which is on; the store's.
    pub(crate) async fn authorize<B>(
        &self,
        permission: Permission,
        request: &mut Request<B>,
    ) -> Result<(), Error> {
        let context = context_of(request)?.clone();
        if self.permits_certificate(&context, permission) {
            return Ok(());
        }
        let token = bearer(request.headers()).ok_or(Error::TokenInvalid)?;
        if ServiceKeyText::is_like(token) {
            let service = self.service_with(permission, &context, token).await?;
            return insert_service(request, service);
        }
        match self.sessions.principal(token).await? {
            Some(Principal::User(account)) => {
                if !roles_permit(&account.user().roles, permission) {
                    return Err(Error::PermissionMissing(permission));
                }
                account.must_be_fit_for_a_role()?;
                insert_user(request, *account)
            }
            Some(Principal::Service(service)) => {
                service.must_have(permission)?;
                insert_service(request, service)
            }
            None => Err(Error::PermissionMissing(permission)),
        }
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
        insert_service(request, service)
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
            match self.sessions.principal(token).await? {
                Some(Principal::Service(service)) => Some(service),
                Some(Principal::User(_)) | None => None,
            }
        };
        let service = service.ok_or(Error::PermissionMissing(permission))?;
        service.must_have(permission)?;
        Ok(service)
    }
}

/// Records the user as the actor, for the use case.
fn insert_user<B>(request: &mut Request<B>, account: Account) -> Result<(), Error> {
    record_user(context_of(request)?, &account);
    request.extensions_mut().insert(account);
    Ok(())
}

fn record_user(context: &mut Context, account: &Account) {
    *context = context.as_user(account.user().id, account.session().id);
}

/// Records the service as the actor, for the use case.
fn insert_service<B>(request: &mut Request<B>, service: Service) -> Result<(), Error> {
    let context = context_of(request)?;
    *context = context.as_service(service.id);
    request.extensions_mut().insert(service);
    Ok(())
}

/// The context of a call, which an earlier layer has put there.
fn context_of<B>(request: &mut Request<B>) -> Result<&mut Context, Error> {
    request.extensions_mut().get_mut::<Context>().ok_or_else(|| Error::Internal(NoContext.into()))
}

/// A call reached the table without its context: a defect of the layers.
#[derive(Debug, thiserror::Error)]
#[error("a call came without its context")]
struct NoContext;
