//! The HTTP server under the routes: bounded in connections and in patience.

use std::future::Future;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};

use tokio::time::timeout;

use super::Limits;
use crate::listener::Listener;

/// Serves until `shutdown`, then lets running requests end.
pub(super) async fn serve(
    listener: Listener,
    router: Router,
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
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_deadline)
            .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router.clone()));
        let connection = running.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            // Somebody who asks and never reads the answer would keep the place.
            match timeout(limits.max_age, connection).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection broke off"),
                Err(_elapsed) => tracing::debug!("an HTTP connection has lasted long enough"),
            }
        });
    }
    running.shutdown().await;
}
