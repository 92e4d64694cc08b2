//! The access table before the handlers: `edge/access.rs` says what each RPC needs.

use std::{
    convert::Infallible,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use tonic::{
    Status,
    body::Body,
    codegen::http::{Request, Response},
};
use tower::{Layer, Service};

use super::status::{internal, status, unknown_rpc};
use crate::{
    edge::{Need, admit},
    service::{Account, UseCases},
};

/// Lets through what has what it needs.
#[derive(Debug, Clone)]
pub(super) struct AccessLayer(pub(super) UseCases);

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner, use_cases: self.0.clone() }
    }
}

/// A service behind the table.
#[derive(Debug, Clone)]
pub(super) struct Access<S> {
    inner: S,
    use_cases: UseCases,
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match Need::of(request.uri().path()) {
            Some(Need::Nothing | Need::Fields) => Box::pin(self.inner.call(request)),
            Some(Need::Bearer) => {
                let use_cases = self.use_cases.clone();
                // The one that was polled is ready; its clone is for the next call.
                let next = self.inner.clone();
                let mut inner = mem::replace(&mut self.inner, next);
                Box::pin(async move {
                    match admit(&use_cases, Need::Bearer, &mut request).await {
                        Ok(()) => inner.call(request).await,
                        Err(error) => Ok(status(error).into_http()),
                    }
                })
            }
            None => Box::pin(async { Ok(unknown_rpc().into_http()) }),
        }
    }
}

/// A handler asks for the account of a call that was let through without one: a defect of the table.
#[derive(Debug, thiserror::Error)]
#[error("a handler that needs an account was reached without one")]
struct NoAccount;

/// Whose call it is. Only for RPCs that need a bearer token.
pub(super) fn account<T>(request: &tonic::Request<T>) -> Result<Account, Status> {
    request.extensions().get::<Account>().cloned().ok_or_else(|| internal(&NoAccount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_without_an_account_is_a_defect() {
        let refused = account(&tonic::Request::new(())).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Internal);
    }
}
