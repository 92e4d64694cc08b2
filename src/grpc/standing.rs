//! The authority of a call that lasts: it is asked for again and again, so that it ends with what opened it (a session, a role, a key).

use std::sync::Arc;

use tonic::{Request, Status, codegen::http};

use super::{arrival::context, status::status};
use crate::{
    domain::{Context, Permission},
    edge::Gate,
};

/// What a caller has shown.
#[derive(Debug)]
pub(super) struct Standing {
    gate: Arc<Gate>,
    permission: Permission,
    context: Context,
    headers: http::HeaderMap,
}

impl Standing {
    /// That of a call which was let in by this permission.
    pub(super) fn of<T>(gate: &Arc<Gate>, permission: Permission, request: &Request<T>) -> Self {
        let (gate, context) = (Arc::clone(gate), context(request));
        Self { gate, permission, context, headers: request.metadata().clone().into_headers() }
    }

    /// Whether the caller has another permission, too.
    ///
    /// # Errors
    /// It has not; the store's.
    pub(super) async fn must_have(&self, permission: Permission) -> Result<(), Status> {
        let mut request = http::Request::new(());
        *request.headers_mut() = self.headers.clone();
        request.extensions_mut().insert(self.context.clone());
        self.gate.authorize(permission, &mut request).await.map_err(status)
    }

    /// Whether the caller may go on.
    ///
    /// # Errors
    /// The session has ended, the role or the permission was taken away; the store's.
    pub(super) async fn must_hold(&self) -> Result<(), Status> {
        self.must_have(self.permission).await
    }
}
