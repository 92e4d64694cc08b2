//! gRPC: protobuf to domain and back, what `edge` decides on its wire, and the server. It decides nothing.
//!
//! One file a service; a handler only translates. `status` puts every refusal into a status.

mod access;
mod account_service;
mod arrival;
mod auth_service;
mod bounds;
mod convert;
mod deadline_body;
mod faults;
mod health;
mod incoming;
mod observe;
mod probe;
mod request_body;
mod request_info;
mod resets;
mod server;
mod status;
mod token_service;

pub use self::{
    account_service::AccountApi,
    auth_service::AuthApi,
    health::{Health, Readiness, SERVICES},
    probe::probe,
    server::{Limits, routes, serve},
    token_service::TokenApi,
};
