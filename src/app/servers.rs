//! The servers of all listeners.

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use crate::{grpc, http, listen::Listener};

/// The listeners, and what answers there.
pub(super) struct Servers {
    pub(super) grpc: Listener,
    /// Absent where gRPC's is for both.
    pub(super) http: Option<Listener>,
    pub(super) admin: Option<Listener>,
    /// Of gRPC's listener, and of administrators'.
    pub(super) calls: Vec<grpc::Calls>,
    pub(super) site: http::Site,
    pub(super) http_limits: http::Limits,
    pub(super) debug: Option<(Listener, http::Debug)>,
}

impl Servers {
    /// Serves until `stop`, and until what was begun has ended.
    ///
    /// # Errors
    /// A server of gRPC that fails by itself.
    pub(super) async fn serve(self, stop: &CancellationToken) -> Result<(), Error> {
        let Self { grpc, http, admin, calls, site, http_limits, debug } = self;
        let stopped = || stop.clone().cancelled_owned();
        let beside = (site.metrics.clone(), site.draining.clone());
        let debug = async {
            if let Some((listener, debug)) = debug {
                http::serve_debug(listener, debug, beside, http_limits, stopped()).await;
            }
        };
        let (apart, shared) = match http {
            Some(listener) => (Some((listener, site)), None),
            None => (None, Some(http::service(site, http_limits.answer_deadline))),
        };
        let listeners = [(grpc, shared)].into_iter().chain(admin.map(|admin| (admin, None)));
        let serve =
            |((listener, http), calls): (_, grpc::Calls)| calls.serve(listener, http, stopped());
        let grpc = try_join_all(listeners.zip(calls).map(serve));
        let http = async {
            if let Some((listener, site)) = apart {
                http::serve(listener, site, http_limits, stopped()).await;
            }
        };
        Ok(tokio::join!(grpc, http, debug).0.map(drop)?)
    }
}
