//! What `/debug` shows.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{runtime::Handle, sync::watch};

use super::{environment::Environment, parts::Parts};
use crate::{
    http,
    listen::Listener,
    log_filter::LogFilter,
    service::{Keys, Revocations},
};

/// What that listener shows, if there is one.
pub(super) fn at(
    listener: Option<Listener>,
    parts: &Parts,
    environment: &Environment,
    ready: &watch::Receiver<bool>,
) -> Option<(Listener, http::Debug)> {
    Some((listener?, debug(parts, environment, ready.clone())))
}

/// The settings of this replica, and its state as it is when it is asked for. Ids are no secrets; nothing else of a user, a
/// session or a key is here.
fn debug(parts: &Parts, environment: &Environment, ready: watch::Receiver<bool>) -> http::Debug {
    let (store, passwords) = (Arc::clone(&parts.store), parts.passwords.clone());
    let (keys, revocations) = (Arc::clone(&parts.keys), Arc::clone(&parts.revocations));
    let log_filter = environment.log_filter.clone();
    http::Debug::new(environment.settings.clone(), move || {
        let (pool, hashing) = (store.pool_use(), passwords.figures());
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "ready": *ready.borrow(),
            "database_connections": { "open": pool.open, "idle": pool.idle, "max": pool.max },
            "hashing": { "waiting": hashing.queue_length(), "running": hashing.lanes_in_use() },
            "keys": of_keys(&keys),
            "revocations": of_revocations(&revocations),
            "log": of_log(&log_filter),
            "runtime": of_runtime(),
        })
    })
}

fn of_keys(keys: &Keys) -> Value {
    let (ids, age) = keys.ids();
    json!({ "signs": ids.first(), "published": ids, "read_seconds_ago": age.as_secs_f64() })
}

fn of_revocations(revocations: &Revocations) -> Value {
    let (known_up_to, age) = revocations.position();
    let age = age.map(|age| age.as_secs_f64());
    let streams = revocations.streams();
    json!({ "known_up_to": known_up_to, "read_seconds_ago": age, "streams": streams })
}

fn of_log(log_filter: &LogFilter) -> Value {
    let raised = log_filter.raised().map(|raised| {
        let left = raised.until.saturating_duration_since(tokio::time::Instant::now());
        json!({ "filter": raised.directives.to_string(), "ends_in_seconds": left.as_secs() })
    });
    json!({ "configured": log_filter.configured(), "raised": raised })
}

fn of_runtime() -> Value {
    let metrics = Handle::current().metrics();
    json!({
        "worker_threads": metrics.num_workers(),
        "tasks": metrics.num_alive_tasks(),
        "tasks_waiting_for_a_worker": metrics.global_queue_depth(),
    })
}
