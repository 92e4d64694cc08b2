//! The gRPC transport: protobuf to domain and back, the decisions of `edge` on its wire, and the server. It decides
//! nothing.
//!
//! One file a service; handlers only translate. `status` maps every refusal to a status.

mod access;
mod account_service;
mod admin_service;
mod arrival;
mod audit;
mod auth_service;
mod authorization;
mod bounds;
mod convert;
mod deadline_body;
mod faults;
mod fork;
mod health;
mod incoming;
mod key_set;
mod managed_users;
mod messages;
mod observe;
mod personal_data;
mod probe;
mod request_body;
mod request_info;
mod resets;
mod server;
mod services;
mod standing;
mod status;
mod structs;
mod token_service;
mod transfer;

pub use self::{
    account_service::AccountApi,
    admin_service::AdminApi,
    auth_service::AuthApi,
    authorization::AuthorizationApi,
    health::{Health, Readiness, SERVICES},
    key_set::KeySet,
    probe::{ProbeError, Prober},
    server::{Apis, Calls, Limits, of_others, routes},
    status::name_errors,
    token_service::TokenApi,
};
pub use tonic::service::Routes;

pub(crate) use self::{
    request_info::with_request_id,
    status::{cancelled, from_tonic, refused},
};
