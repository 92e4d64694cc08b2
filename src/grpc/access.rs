//! Applies the access table before the handlers: `edge/access.rs` has each RPC's need.

use std::sync::Arc;

use tonic::{Status, body::Body, codegen::http::Request};

use super::status::{internal, refused, status};
use crate::{
    edge::{Answer, Gate, Inner, Rpc, Rule, take_ready},
    service::{Account, Caller},
};

/// Lets a call through if it meets the needs of its RPC.
#[derive(Debug, Clone)]
pub(super) struct Access(pub(super) Arc<Gate>);

impl Rule<Body> for Access {
    fn around(&self, mut request: Request<Body>, inner: &mut impl Inner<Body>) -> Answer<Body> {
        let rpc = match Rpc::at(request.uri().path()) {
            Ok(rpc) if self.0.is_open(rpc) => return Box::pin(inner.call(request)),
            Ok(rpc) => rpc,
            Err(refusal) => return Box::pin(async { Ok(refused(refusal).into_http()) }),
        };
        let (gate, mut inner) = (Arc::clone(&self.0), take_ready(inner));
        Box::pin(async move {
            match gate.admit(rpc, &mut request).await {
                Ok(()) => inner.call(request).await,
                Err(error) => Ok(status(error).into_http()),
            }
        })
    }
}

/// A handler requires the account of a call that was let through without one: a defect of the table.
#[derive(Debug, thiserror::Error)]
#[error("a handler that needs an account was reached without one")]
struct NoAccount;

/// The caller's account. Only for RPCs that need a bearer token.
pub(super) fn account<T>(request: &tonic::Request<T>) -> Result<Account, Status> {
    request.extensions().get::<Account>().cloned().ok_or_else(|| internal(&NoAccount))
}

/// The caller of an RPC that may end the calling session, which may have ended. Only for RPCs that such a session can send again.
pub(super) fn caller<T>(request: &tonic::Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().cloned().ok_or_else(|| internal(&NoAccount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_without_an_account_is_a_defect() {
        let request = tonic::Request::new(());
        for refused in [account(&request).unwrap_err(), caller(&request).unwrap_err()] {
            assert_eq!(refused.code(), tonic::Code::Internal);
        }
    }
}
