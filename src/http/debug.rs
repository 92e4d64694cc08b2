//! `/debug`: the settings and the state of this replica, at an address of its own alone, for those at its machine.

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;

use super::{inbox::is_asked_here, oauth::Refused, page_file::NOSNIFF};

/// The paths.
const CONFIG: &str = "/debug/config";
const STATE: &str = "/debug/state";

/// What is shown. None of it is a secret.
#[derive(Clone)]
pub struct Debug {
    settings: Arc<Value>,
    state: Arc<dyn Fn() -> Value + Send + Sync>,
}

impl Debug {
    /// Shows these settings, and the state as it is when it is asked for.
    pub fn new(settings: Value, state: impl Fn() -> Value + Send + Sync + 'static) -> Self {
        Self { settings: Arc::new(settings), state: Arc::new(state) }
    }
}

impl fmt::Debug for Debug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Debug")
    }
}

/// The routes.
pub(super) fn router(debug: Debug) -> Router {
    Router::new()
        .route(CONFIG, get(config))
        .route(STATE, get(state))
        .method_not_allowed_fallback(|| async { Refused::method() })
        .fallback(|| async { Refused::path() })
        .with_state(debug)
}

/// The path of a route.
pub(super) fn known_path(path: &str) -> Option<&'static str> {
    [CONFIG, STATE].into_iter().find(|known| *known == path)
}

async fn config(State(debug): State<Debug>, uri: Uri, headers: HeaderMap) -> Response {
    answer(&uri, &headers, || Value::clone(&debug.settings))
}

async fn state(State(debug): State<Debug>, uri: Uri, headers: HeaderMap) -> Response {
    answer(&uri, &headers, || (debug.state)())
}

/// Not for a page in somebody's browser at this machine (DNS rebinding), nor for what a proxy lets through.
fn answer(uri: &Uri, headers: &HeaderMap, value: impl FnOnce() -> Value) -> Response {
    if !is_asked_here(uri, headers) {
        return Refused::path().into_response();
    }
    ([(header::CACHE_CONTROL, "no-store"), NOSNIFF], Json(value())).into_response()
}
