//! All routes, and what each asks of its callers. The router is made of this table: there is no route without a row.

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{MethodRouter, any, get, post},
};

use super::{
    cors::cors,
    debug,
    oauth::{self, Refused},
    pages,
    paths::{INTROSPECT, JWKS, REVOKE, TOKEN},
    routes,
    site::Site,
    well_known,
};
use crate::{domain::Permission, gateway::known_path as known_rpc};

/// The need of a route.
#[derive(Debug, Clone, Copy)]
enum Need {
    /// Nothing: the answer has no secrets.
    Nothing,
    /// A proof in the request itself. The use case checks it.
    Proof,
    /// A caller with this permission, also where there is no policy of callers.
    Permission(Permission),
    /// What the table of RPCs asks (`edge/access.rs`).
    Rpc,
}

/// A route.
#[derive(Debug, Clone, Copy)]
struct Route {
    path: &'static str,
    need: Need,
    handler: fn() -> MethodRouter<Site>,
}

const TABLE: [Route; 14] = [
    Route::open(JWKS, || get(routes::jwks)),
    Route::open("/.well-known/openid-configuration", || get(routes::discovery)),
    Route::open("/.well-known/oauth-authorization-server", || get(oauth::metadata)),
    // Of an issuer with a path (RFC 8414, section 3.1).
    Route::open("/.well-known/oauth-authorization-server/{*path}", || get(oauth::metadata_at)),
    Route::open("/.well-known/webauthn", || get(well_known::webauthn)),
    Route::open("/.well-known/passkey-endpoints", || get(well_known::passkey_endpoints)),
    Route::open("/livez", || get(routes::livez)),
    Route::open("/readyz", || get(routes::readyz)),
    Route::open("/metrics", || get(routes::metrics)),
    Route { path: TOKEN, need: Need::Proof, handler: || post(oauth::token) },
    Route { path: REVOKE, need: Need::Proof, handler: || post(oauth::revoke) },
    Route {
        path: INTROSPECT,
        need: Need::Permission(Permission::Introspect),
        handler: || post(oauth::introspect),
    },
    Route { path: "/v1/{*path}", need: Need::Rpc, handler: || any(routes::rpc) },
    Route { path: "/{service}/{rpc}", need: Need::Rpc, handler: || any(routes::rpc_at_its_path) },
];

impl Route {
    const fn open(path: &'static str, handler: fn() -> MethodRouter<Site>) -> Self {
        Self { path, need: Need::Nothing, handler }
    }

    /// Whether web pages of other origins may call it (CORS): metrics and what services ask for are not theirs.
    fn is_for_pages(&self) -> bool {
        matches!(self.need, Need::Rpc) || self.path.starts_with("/.well-known/")
    }

    /// The handler, behind what asks for the need.
    fn guarded(self, site: &Site) -> MethodRouter<Site> {
        let handler = (self.handler)();
        match self.need {
            Need::Nothing | Need::Proof | Need::Rpc => handler,
            Need::Permission(permission) => {
                let asked = (site.clone(), permission);
                handler.route_layer(from_fn_with_state(asked, oauth::permit))
            }
        }
    }
}

/// All routes.
pub(super) fn router(site: Site) -> Router {
    let cors = cors(&site.origins);
    let with = |router: Router<Site>, route: Route| {
        let handler = route.guarded(&site);
        router.route(
            route.path,
            match &cors {
                Some(cors) if route.is_for_pages() => handler.layer(cors.clone()),
                Some(_) | None => handler,
            },
        )
    };
    let routes = TABLE.into_iter().filter(|route| site.rpcs || !matches!(route.need, Need::Rpc));
    let router = routes.fold(Router::new(), with);
    // Some clients of OAuth take any answer without an `error` for a token.
    router
        .merge(pages::router(site.pages))
        .method_not_allowed_fallback(|| async { Refused::method() })
        .fallback(|| async { Refused::path() })
        .with_state(site)
}

/// The paths of all routes; in `{}` any text.
pub fn paths() -> impl Iterator<Item = &'static str> {
    TABLE.into_iter().map(|route| route.path)
}

/// The path of a route. Callers may invent others: the log does not repeat them.
pub(super) fn known_path(path: &str) -> &'static str {
    let known = paths().find(|known| *known == path);
    let beside = || pages::known_path(path).or_else(|| debug::known_path(path));
    known.or_else(beside).or_else(|| known_rpc(path)).unwrap_or("unknown")
}
