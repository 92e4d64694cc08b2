//! Publishes readiness to the health service and `/readyz`, and logs the reasons.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

use super::parts::Parts;
use crate::{
    grpc::{Health, Readiness},
    service::NotReady,
    store::Error,
    telemetry::chain,
};

/// Never returns. Checks readiness, and publishes changes to the health service and `/readyz`.
pub(super) async fn watch(
    parts: &Parts,
    health: &Health,
    set_ready: &watch::Sender<bool>,
    every: Duration,
) {
    let mut ticks = tokio::time::interval(every);
    // The first result is logged, too.
    let (mut told, mut schema_told): (Option<Readiness>, bool) = (None, false);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = parts.readiness.changed() => {}
        }
        // A hanging database is treated as unavailable.
        let checked = timeout(Duration::from_secs(2), parts.readiness.check()).await;
        let key_set = match &checked {
            Ok(Ok(())) => true,
            Ok(Err(error)) => error.spares_the_key_set() && parts.keys.key_set_is_current(),
            Err(_elapsed) => parts.keys.key_set_is_current(),
        };
        let (ready, why) = match &checked {
            Ok(Ok(())) => (true, String::new()),
            Ok(Err(error)) => (false, chain(error).to_string()),
            Err(_elapsed) => (false, "the store does not answer".to_owned()),
        };
        let authorization = key_set && parts.rules.as_ref().is_some_and(|of| of.can_tell());
        let readiness = Readiness { everything: ready, key_set, authorization };
        set_ready.send_replace(ready);
        let before = told.replace(readiness);
        let is_news = before.is_none_or(|before| before.everything != ready);
        // Whoever makes the database anew must read what to do, also if it did not answer at first. Without its table of
        // migrations it counts as outdated.
        let is_schema = matches!(
            &checked,
            Ok(Err(NotReady::Store(Error::SchemaMissing(_) | Error::SchemaOutdated { .. })))
        );
        if is_news || is_schema && !schema_told {
            if ready { tracing::info!("ready") } else { tracing::warn!(why, key_set, "not ready") }
        }
        schema_told = !ready && (schema_told || is_schema);
        if before != Some(readiness) {
            health.set_ready(readiness);
        }
    }
}
