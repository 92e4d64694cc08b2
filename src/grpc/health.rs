//! Health (grpc.health.v1): the empty name is liveness, the services' names are readiness.

use tonic_health::{
    ServingStatus,
    pb::health_server::{Health as HealthApi, HealthServer},
    server::{HealthReporter, health_reporter},
};

use super::SERVICES;

/// What the health service says.
#[derive(Debug, Clone)]
pub struct Health(HealthReporter);

impl Health {
    /// Alive, and not yet ready; with the service that says so.
    pub async fn new() -> (Self, HealthServer<impl HealthApi>) {
        let (reporter, server) = health_reporter();
        let health = Self(reporter);
        health.set_ready(false).await;
        (health, server)
    }

    /// Says whether the services are ready.
    pub async fn set_ready(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in SERVICES {
            self.0.set_service_status(service, status).await;
        }
    }

    /// Ends all Watch streams: an open one would keep the server from ending.
    pub async fn end_streams(&mut self) {
        for service in SERVICES.into_iter().chain([""]) {
            self.0.clear_service_status(service).await;
        }
    }
}
