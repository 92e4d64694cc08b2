//! What each request meets before its route: its context, its span, its log line and figures.

use std::{
    convert::Infallible,
    future::Future,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, Version, header::CONNECTION},
    response::IntoResponse as _,
};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};
use tracing::Instrument as _;

use super::{
    call::Call,
    consumed::Consumed,
    debug::{self, Debug},
    site::Site,
    table::router,
};
use crate::{
    domain::{Context, TrustedProxies},
    edge::{BrokenOff, Peer, Rpcs, ServerHeader, arrived},
    telemetry::{Metrics, say_request_id},
};

/// How much later than its deadline a request is given up: what a use case answers at its deadline comes before.
const GRACE: Duration = Duration::from_millis(500);

/// The routes, and what is before them.
#[derive(Debug, Clone)]
pub(super) struct Front {
    routes: Router,
    trusted: TrustedProxies,
    metrics: Metrics,
    server_header: ServerHeader,
    answer_deadline: Duration,
    draining: CancellationToken,
}

impl Front {
    pub(super) fn new(site: Site, answer_deadline: Duration) -> Self {
        let (trusted, metrics) = (site.trusted_proxies.clone(), site.metrics.clone());
        let (server_header, draining) = (site.server_header, site.draining.clone());
        Self { routes: router(site), trusted, metrics, server_header, answer_deadline, draining }
    }

    /// What is before `/debug`: no proxy is trusted there.
    pub(super) fn of_debug(
        debug: Debug,
        metrics: Metrics,
        draining: CancellationToken,
        answer_deadline: Duration,
    ) -> Self {
        let (routes, trusted) = (debug::router(debug), TrustedProxies::default());
        let server_header = ServerHeader::On;
        Self { routes, trusted, metrics, server_header, answer_deadline, draining }
    }

    /// Answers a request that came over a connection from that peer. The answer says if the connection ends with it: while
    /// the server drains, and where the body was not read to its end.
    pub(super) fn answer(
        &self,
        request: Request<Body>,
        peer: &Peer,
    ) -> impl Future<Output = Response<Body>> + Send + use<> {
        let context = self.context(&request, peer);
        let request_id = context.request_id.clone();
        let head = (request.method(), request.uri().path(), request.headers());
        let mut call = Call::begin(head, &context, self.metrics.clone());
        let (version, draining) = (request.version(), self.draining.clone());
        let server_header = self.server_header;
        let (mut request, consumed) = Consumed::watch(request);
        request.extensions_mut().insert(context);
        request.extensions_mut().insert(call.reached.clone());
        let span = call.span.clone();
        let routed = span.in_scope(|| self.routed(request));
        let answer = async move {
            let mut response = routed.await;
            call.ends_as(response.status());
            say_request_id(response.headers_mut(), &request_id);
            server_header.add(response.headers_mut());
            let ends = draining.is_cancelled() || !consumed.is_whole();
            if ends && version < Version::HTTP_2 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        };
        answer.instrument(span)
    }

    fn context(&self, request: &Request<Body>, peer: &Peer) -> Context {
        let deadline = Instant::now() + self.answer_deadline;
        Context { deadline, ..arrived(request.headers(), peer, &self.trusted) }
    }

    /// The answer of its route, in time.
    fn routed(&self, request: Request<Body>) -> impl Future<Output = Response<Body>> + use<> {
        let answer = timeout(self.answer_deadline + GRACE, self.routes.clone().oneshot(request));
        answer.map(|answered| match answered {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            // The body does not come.
            Err(_elapsed) => StatusCode::REQUEST_TIMEOUT.into_response(),
        })
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
