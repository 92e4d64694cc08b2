//! The paths that the metadata tells.

pub(super) const JWKS: &str = "/.well-known/jwks.json";
/// What the paths of OAuth's endpoints begin with.
pub(super) const OAUTH: &str = "/oauth2/";
pub(super) const TOKEN: &str = "/oauth2/token";
pub(super) const INTROSPECT: &str = "/oauth2/introspect";
pub(super) const REVOKE: &str = "/oauth2/revoke";
