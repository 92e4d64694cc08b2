//! OAuth's endpoints as client libraries see them (RFC 6749, 6750, 7009, 7662, 8414, 8693).

mod certificates;
mod clients;
mod introspect;
mod metadata;
mod refusals;
mod revoke;
mod routes;
mod same_as_grpc;
mod secrets;
mod token;

const TOKEN: &str = "/oauth2/token";
const INTROSPECT: &str = "/oauth2/introspect";
const REVOKE: &str = "/oauth2/revoke";

const BASIC: &str = "Basic realm=\"countersign\", charset=\"UTF-8\"";
