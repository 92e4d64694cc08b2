//! Health (grpc.health.v1, with List of gRFC A90): the empty name is liveness, the services' names are readiness, each for
//! itself (ADR 26).

use std::pin::Pin;

use futures_util::stream::{self, Stream};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::status::unknown_service;
use crate::pb::{
    self,
    ext_authz::envoy::service::auth::v3::authorization_server,
    health::{
        HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
        health_check_response::ServingStatus, health_server,
    },
    token_service_server,
};

/// The services whose health is their readiness.
pub const SERVICES: [&str; 4] = [
    pb::account_service_server::SERVICE_NAME,
    pb::admin_service_server::SERVICE_NAME,
    pb::auth_service_server::SERVICE_NAME,
    pb::token_service_server::SERVICE_NAME,
];

/// The same of Envoy's, which is there only with rules.
const AUTHORIZATION: &str = authorization_server::SERVICE_NAME;

// The most that List may have (A90), with the process and Envoy's.
const _: () = assert!(SERVICES.len() + 1 < 100);

/// The readiness of this replica, by what it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Everything.
    pub everything: bool,
    /// The key set, which needs no database: most calls to TokenService fetch it.
    pub key_set: bool,
    /// Decisions on requests to other services: from memory, for a while.
    pub authorization: bool,
}

impl Readiness {
    /// Whether a service can do its work. One that needs less than everything has a line here.
    fn is_enough_for(self, service: &str) -> bool {
        match service {
            token_service_server::SERVICE_NAME => self.key_set,
            AUTHORIZATION => self.authorization,
            _ => self.everything,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: &'static str,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    readiness: Readiness,
    /// Streams must end.
    is_over: bool,
}

/// The health service. Clones share their state, which at first is alive, and not ready.
#[derive(Debug, Clone)]
pub struct Health {
    state: watch::Sender<State>,
    ready: Family<Labels, Gauge>,
    has_authorization: bool,
}

impl Health {
    /// Alive, and not ready; with the authorisation of requests if that is there.
    pub fn new(has_authorization: bool) -> Self {
        let (state, ready) = (watch::Sender::default(), Family::default());
        let health = Self { state, ready, has_authorization };
        health.set_ready(Readiness::default());
        health
    }

    fn services(&self) -> impl Iterator<Item = &'static str> {
        SERVICES.into_iter().chain(self.has_authorization.then_some(AUTHORIZATION))
    }

    /// All that has a health: the process, whose name is empty, and the services.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        [""].into_iter().chain(self.services())
    }

    /// The name, if it is one of those.
    fn known(&self, name: &str) -> Option<&'static str> {
        self.names().find(|known| *known == name)
    }

    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_ready",
            "Whether a service is ready, as the health service says: 1 or 0",
            self.ready.clone(),
        );
    }

    /// Publishes which services are ready.
    pub fn set_ready(&self, readiness: Readiness) {
        for service in self.services() {
            let is_ready = readiness.is_enough_for(service);
            self.ready.get_or_create(&Labels { service }).set(i64::from(is_ready));
        }
        self.state.send_modify(|state| state.readiness = readiness);
    }

    /// Ends all Watch streams: an open one would block a graceful shutdown.
    pub fn end_streams(&self) {
        self.state.send_modify(|state| state.is_over = true);
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

impl State {
    fn of(self, service: &str) -> ServingStatus {
        if service.is_empty() || self.readiness.is_enough_for(service) {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = self.known(&request.get_ref().service).ok_or_else(unknown_service)?;
        Ok(Response::new(answer(self.state.borrow().of(service))))
    }

    async fn list(
        &self,
        _request: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let state = *self.state.borrow();
        let statuses = self.names().map(|name| (name.to_owned(), answer(state.of(name))));
        Ok(Response::new(HealthListResponse { statuses: statuses.collect() }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = self.known(&request.get_ref().service);
        let begin = (self.state.subscribe(), None);
        let statuses = stream::unfold(begin, move |(mut states, told)| async move {
            let status = next(&mut states, service, told).await?;
            Some((Ok(answer(status)), (states, Some(status))))
        });
        Ok(Response::new(Box::pin(statuses)))
    }
}

/// The next status that is not the one that was told last; `None` at the end.
async fn next(
    states: &mut watch::Receiver<State>,
    service: Option<&str>,
    told: Option<ServingStatus>,
) -> Option<ServingStatus> {
    loop {
        let state = *states.borrow_and_update();
        let status = service.map_or(ServingStatus::ServiceUnknown, |service| state.of(service));
        if told != Some(status) {
            return Some(status);
        }
        if state.is_over {
            return None;
        }
        states.changed().await.ok()?;
    }
}
