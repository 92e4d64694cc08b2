//! Health (grpc.health.v1): the empty name is liveness, the services' names are readiness, each for itself (ADR 26).

use tonic_health::{
    ServingStatus,
    pb::health_server::{Health as HealthApi, HealthServer},
    server::{HealthReporter, health_reporter},
};

use crate::pb::{self, token_service_server};

/// The services whose health is their readiness.
pub const SERVICES: [&str; 4] = [
    pb::account_service_server::SERVICE_NAME,
    pb::admin_service_server::SERVICE_NAME,
    pb::auth_service_server::SERVICE_NAME,
    pb::token_service_server::SERVICE_NAME,
];

/// The readiness of this replica, by what it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Everything.
    pub everything: bool,
    /// The key set, which needs no database: most calls to TokenService fetch it.
    pub key_set: bool,
}

/// The state of the health service.
#[derive(Debug, Clone)]
pub struct Health(HealthReporter);

impl Health {
    /// Alive, and not yet ready; with the service that reports it.
    pub async fn new() -> (Self, HealthServer<impl HealthApi>) {
        let (reporter, server) = health_reporter();
        let health = Self(reporter);
        health.set_ready(Readiness::default()).await;
        (health, server)
    }

    /// Publishes which services are ready.
    pub async fn set_ready(&self, readiness: Readiness) {
        let status = |ready| if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in SERVICES {
            let is_token_service = service == token_service_server::SERVICE_NAME;
            let ready = if is_token_service { readiness.key_set } else { readiness.everything };
            let status = status(ready);
            self.0.set_service_status(service, status).await;
        }
    }

    /// Ends all Watch streams: an open one would block a graceful shutdown.
    pub async fn end_streams(&mut self) {
        for service in SERVICES.into_iter().chain([""]) {
            self.0.clear_service_status(service).await;
        }
    }
}
