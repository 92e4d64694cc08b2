//! OAuth 2.0 for services: tokens (RFC 6749, RFC 8693), introspection (RFC 7662), revocation (RFC 7009), and the metadata
//! by which clients find these (RFC 8414). Handlers translate; the use cases are those of gRPC.

mod client;
mod error;
mod form;
mod introspect;
mod metadata;
mod permit;
mod revoke;
mod scheme;
mod token;

pub(super) use self::{
    error::Refused,
    introspect::introspect,
    metadata::{document, metadata, metadata_at},
    permit::permit,
    revoke::revoke,
    token::token,
};
