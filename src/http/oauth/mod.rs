//! OAuth 2.0 for services: tokens (RFC 6749, RFC 8693), introspection (RFC 7662), revocation (RFC 7009), and the metadata
//! by which clients find these (RFC 8414). Handlers translate; the use cases are those of gRPC.

mod client;
mod error;
mod form;
mod introspect;
mod metadata;
mod revoke;
mod token;

use axum::{
    Router,
    routing::{get, post},
};

use super::routes::Site;

pub(super) use self::metadata::document;

pub(super) const TOKEN: &str = "/oauth2/token";
pub(super) const INTROSPECT: &str = "/oauth2/introspect";
pub(super) const REVOKE: &str = "/oauth2/revoke";
pub(super) const METADATA: &str = "/.well-known/oauth-authorization-server";

/// The routes.
pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route(TOKEN, post(token::token))
        .route(INTROSPECT, post(introspect::introspect))
        .route(REVOKE, post(revoke::revoke))
        .route(METADATA, get(metadata::metadata))
        // Of an issuer with a path (RFC 8414, section 3.1).
        .route("/.well-known/oauth-authorization-server/{*path}", get(metadata::metadata_at))
}
