//! What each request meets before its route: its context, its span, its log line and figures.

use std::{
    convert::Infallible,
    future::Future,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use http_body_util::BodyExt as _;
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tracing::Instrument as _;

use super::{call::Call, site::Site, table::router};
use crate::{
    domain::{Context, TrustedProxies},
    edge::{BrokenOff, Peer, Rpcs, arrived},
    telemetry::{Metrics, say_request_id},
};

/// The routes, and what is before them.
#[derive(Debug, Clone)]
pub(super) struct Front {
    routes: Router,
    trusted: TrustedProxies,
    metrics: Metrics,
    answer_deadline: Duration,
}

impl Front {
    pub(super) fn new(site: Site, answer_deadline: Duration) -> Self {
        let (trusted, metrics) = (site.trusted_proxies.clone(), site.metrics.clone());
        Self { routes: router(site), trusted, metrics, answer_deadline }
    }

    /// Answers a request that came over a connection from that peer.
    pub(super) fn answer(
        &self,
        mut request: Request<Body>,
        peer: &Peer,
    ) -> impl Future<Output = Response<Body>> + Send + use<> {
        let deadline = Instant::now() + self.answer_deadline;
        let context = Context { deadline, ..arrived(request.headers(), peer, &self.trusted) };
        let request_id = context.request_id.clone();
        let (method, path) = (request.method(), request.uri().path());
        let mut call = Call::begin(method, path, &context, self.metrics.clone());
        request.extensions_mut().insert(context);
        let span = call.span.clone();
        let answer = span.in_scope(|| self.routes.clone().oneshot(request));
        let answer = async move {
            let mut response = answer.await.unwrap_or_else(|never| match never {});
            call.ends_as(response.status());
            say_request_id(response.headers_mut(), &request_id);
            response
        };
        answer.instrument(span)
    }
}

/// All of HTTP as one service, for a listener that speaks gRPC, too. Its requests have their [`Peer`] among their
/// extensions.
pub fn service(site: Site, answer_deadline: Duration) -> Rpcs {
    let front = Front::new(site, answer_deadline);
    BoxCloneSyncService::new(service_fn(move |request: Request<_>| {
        let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
        let answer = front.answer(request.map(Body::new), &peer);
        async move {
            let response = answer.await.map(|body| body.map_err(BrokenOff::by).boxed_unsync());
            Ok::<_, Infallible>(response)
        }
    }))
}
