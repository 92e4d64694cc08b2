//! The HTTP server under the routes: bounded connections, and timeouts.

use std::future::Future;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Version, header},
};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};

use tokio_util::sync::CancellationToken;

use super::{
    debug::Debug,
    front::Front,
    limits::Limits,
    pace::{Pace, Paced},
    site::Site,
};
use crate::{edge::Peer, listen::Listener, telemetry::Metrics};

/// The header with the timeout of an idle connection (RFC 2068, section 19.7.1.1): clients that obey it do not send a
/// request into a connection that is being closed (race).
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Serves until `shutdown`, then waits for running requests (graceful shutdown). From `site.draining` on each answer
/// closes its connection.
pub async fn serve(
    listener: Listener,
    site: Site,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let front = Front::new(site, limits.answer_deadline);
    serve_front(listener, front, limits, shutdown).await;
}

/// The same for `/debug`, at an address of its own.
pub async fn serve_debug(
    listener: Listener,
    debug: Debug,
    (metrics, draining): (Metrics, CancellationToken),
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let front = Front::of_debug(debug, metrics, draining, limits.answer_deadline);
    serve_front(listener, front, limits, shutdown).await;
}

async fn serve_front(
    mut listener: Listener,
    front: Front,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let running = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let (socket, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (pace, front) = (Pace::new(limits), front.clone());
        let peer = Peer { address: socket.peer(), caller: socket.caller() };
        let clock = pace.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            clock.asked();
            let (clock, version) = (clock.clone(), request.version());
            let answer = front.answer(request.map(Body::new), &peer);
            async move {
                let mut response = answer.await;
                // What is complete has a length.
                let is_stream = response.body().size_hint().exact().is_none();
                let ends = clock.answered(is_stream);
                say_what_becomes_of_it(response.headers_mut(), version, ends, limits);
                let response = response.map(|body| match is_stream {
                    true => clock.until_its_end(body),
                    false => body,
                });
                Ok::<_, std::convert::Infallible>(response)
            }
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
    } else if version == Version::HTTP_11 && !headers.contains_key(header::CONNECTION) {
        let timeout = HeaderValue::try_from(format!("timeout={}", limits.keep_alive.as_secs()));
        headers.extend(timeout.ok().map(|timeout| (KEEP_ALIVE, timeout)));
    }
}
