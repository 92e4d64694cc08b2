//! The HTTP server under the routes: bounded connections, and timeouts.

use std::{future::Future, time::Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tracing::Instrument as _;

use super::{
    call::Call,
    limits::Limits,
    pace::{Pace, Paced},
    site::Site,
    table::router,
};
use crate::{
    domain::Context,
    edge::{arrived, origin},
    listen::Listener,
    telemetry::say_request_id,
};

/// The header with the timeout of an idle connection (RFC 2068, section 19.7.1.1): clients that obey it do not send a
/// request into a connection that is being closed (race).
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Serves until `shutdown`, then waits for running requests (graceful shutdown). From `site.draining` on each answer
/// closes its connection.
pub async fn serve(
    mut listener: Listener,
    site: Site,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (draining, trusted) = (site.draining.clone(), site.trusted_proxies.clone());
    let metrics = site.metrics.clone();
    let router = router(site);
    let running = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let (socket, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (pace, routes) = (Pace::new(limits), TowerToHyperService::new(router.clone()));
        let (peer, caller) = (socket.peer(), socket.caller());
        let (clock, draining, trusted) = (pace.clone(), draining.clone(), trusted.clone());
        let metrics = metrics.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            clock.asked();
            let (clock, draining, version) = (clock.clone(), draining.clone(), request.version());
            let deadline = Instant::now() + limits.answer_deadline;
            let address = origin(request.headers(), peer, &trusted);
            // The connection proves the caller's name: no header becomes one.
            let arrived = arrived(request.headers(), address).of_caller(caller.clone());
            let context = Context { deadline, ..arrived };
            let request_id = context.request_id.clone();
            let (method, path) = (request.method(), request.uri().path());
            let mut call = Call::begin(method, path, &context, metrics.clone());
            request.extensions_mut().insert(context);
            let span = call.span.clone();
            let answer = span.in_scope(|| routes.call(request));
            let answer = async move {
                let mut response = answer.await?;
                call.ends_as(response.status());
                say_request_id(response.headers_mut(), &request_id);
                // What is complete has a length.
                let is_stream = response.body().size_hint().exact().is_none();
                let ends = clock.answered(is_stream) || draining.is_cancelled();
                say_what_becomes_of_it(response.headers_mut(), version, ends, limits);
                Ok::<_, std::convert::Infallible>(response)
            };
            answer.instrument(span)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // `Pace` distinguishes a slow head from an idle connection; hyper's timeout does not.
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(Paced { socket, pace: pace.clone() }), service);
        let connection = running.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "HTTP connection failed");
                },
                () = pace.too_slow() => tracing::debug!("HTTP connection timed out"),
            }
        });
    }
    running.shutdown().await;
}

/// Sets the headers that tell whether the connection goes on. hyper closes one whose answer says so.
fn say_what_becomes_of_it(headers: &mut HeaderMap, version: Version, ends: bool, limits: Limits) {
    if ends {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    } else if version == Version::HTTP_11 {
        let timeout = HeaderValue::try_from(format!("timeout={}", limits.keep_alive.as_secs()));
        headers.extend(timeout.ok().map(|timeout| (KEEP_ALIVE, timeout)));
    }
}
