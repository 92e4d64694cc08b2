//! gRPC: protobuf to domain and back, and the edge of the server. It decides nothing.
//!
//! One file a service; a handler only translates. `status` turns every error into what callers see.

mod access;
mod account_service;
mod auth_service;
mod convert;
mod deadline_body;
mod edge;
mod faults;
mod health;
mod incoming;
mod observe;
mod probe;
mod request_body;
mod resets;
mod server;
mod status;
mod token_service;

pub use self::{
    health::{Health, Readiness},
    probe::probe,
    server::{Limits, routes, serve},
};

/// The services whose health is their readiness.
pub const SERVICES: [&str; 3] = [
    crate::pb::account_service_server::SERVICE_NAME,
    crate::pb::auth_service_server::SERVICE_NAME,
    crate::pb::token_service_server::SERVICE_NAME,
];
