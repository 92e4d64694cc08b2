//! The wiring, and the only module that sees every layer: bind, report the addresses, serve until told to stop.

mod apis;
mod background;
mod base;
mod commands;
mod debug;
mod environment;
mod error;
mod parts;
mod reach;
mod readiness;
mod renewed_files;
mod rules_file;
mod servers;
mod web;

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::{background::Background, renewed_files::Look, servers::Servers, web::Web};
pub use self::{
    commands::{keys, operator, reencryption, service_account_keeper, transfers},
    environment::Environment,
    error::Error,
    parts::{Parts, parts},
    reach::{Finding, reach},
    renewed_files::Reload,
};
use crate::{
    config::{Config, Listen, Warning},
    delivery::Delivery,
    domain::Callers,
    edge::{Gate, ServerHeader},
    gateway::Gateway,
    grpc::{self, Health, Readiness},
    http,
    listen::{
        self, Address, Listener,
        tls::{Files, Protocol, Tls},
    },
    service,
    store::Store,
    telemetry::Metrics,
    trace,
};

/// The timeout of closing the database connections, at the very end.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// A bound server that does not serve yet.
#[derive(Debug)]
pub struct App {
    grpc: Listener,
    /// Absent where gRPC's is for both.
    http: Option<Listener>,
    admin: Option<Listener>,
    debug: Option<Listener>,
    connections: listen::Figures,
    grpc_addr: Address,
    http_addr: Address,
    admin_addr: Option<Address>,
    debug_addr: Option<Address>,
    tls: Vec<Arc<Tls>>,
    reload: Reload,
    listen: Listen,
    delivery: Delivery,
    environment: Environment,
    parts: Parts,
}

impl App {
    /// Binds the listeners and builds all parts.
    ///
    /// # Errors
    /// A part that is not available.
    pub async fn bind(config: &Config, environment: Environment) -> Result<Self, Error> {
        for Warning { setting, text } in config.warnings() {
            tracing::warn!(setting, "{text}");
        }
        grpc::name_errors(config.listen.error_domain.clone());
        let connections = listen::Figures::default();
        let (listen, limits) = (config.listen.clone(), environment.limits);
        let is_one = listen.is_one_address();
        let protocol = if is_one { Protocol::Either } else { Protocol::Http2 };
        let grpc_tls = tls("grpc", listen.grpc_tls.as_ref(), protocol, &connections)?;
        let http_files = listen.http_tls.as_ref().filter(|_| !is_one);
        let http_tls = tls("http", http_files, Protocol::Http1, &connections)?;
        let admin_tls = tls("admin", listen.admin_tls.as_ref(), Protocol::Http2, &connections)?;
        let tls = grpc_tls.iter().chain(&http_tls).chain(&admin_tls).cloned().collect();
        let bind = |name, address, tls, places, handshake_deadline| {
            let proxies = config.listen.trusted_proxies.clone();
            let limit_loopback = environment.limit_loopback;
            let limits = listen::Limits { places, proxies, limit_loopback, handshake_deadline };
            bind(name, address, tls, limits, &connections)
        };
        let (places, deadline) = (limits.max_connections, limits.preface_deadline);
        let (grpc, grpc_addr) = bind("grpc", &listen.grpc, grpc_tls, places, deadline).await?;
        let admin = listen.admin.as_ref().map(|at| bind("admin", at, admin_tls, places, deadline));
        let (admin, admin_addr) = if_any(admin).await?;
        let limits = environment.http_limits;
        let (places, deadline) = (limits.max_connections, limits.head_deadline);
        let debug = listen.debug.as_ref().map(|at| bind("debug", at, None, places, deadline));
        let (debug, debug_addr) = if_any(debug).await?;
        let (http, http_addr) = if is_one {
            (None, grpc_addr.clone())
        } else {
            let bound = bind("http", &listen.http, http_tls, places, deadline).await?;
            (Some(bound.0), bound.1)
        };
        let relying_party = config.passkeys.relying_party(&http_addr, listen.http_tls.is_some());
        let parts = parts::parts_of(config, relying_party, &environment).await?;
        let delivery = config.delivery.clone();
        Ok(Self {
            grpc,
            http,
            admin,
            debug,
            connections,
            grpc_addr,
            http_addr,
            admin_addr,
            debug_addr,
            tls,
            reload: Reload::default(),
            listen,
            delivery,
            environment,
            parts,
        })
    }

    /// The address of gRPC.
    pub fn grpc_addr(&self) -> &Address {
        &self.grpc_addr
    }

    /// The address of HTTP.
    pub fn http_addr(&self) -> &Address {
        &self.http_addr
    }

    /// The address of AdminService, if it has one of its own.
    pub fn admin_addr(&self) -> Option<&Address> {
        self.admin_addr.as_ref()
    }

    /// The address of `/debug`, if there is one.
    pub fn debug_addr(&self) -> Option<&Address> {
        self.debug_addr.as_ref()
    }

    /// Asks the server, once it serves, to read its certificates and rules at once.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Follows the files of certificates and rules, until drop.
    fn follow_files(&self) -> AbortOnDropHandle<Infallible> {
        let every = self.environment.look_at_files_every;
        let tls = self.tls.iter().cloned();
        let tls = tls.map(|tls| -> Look { Box::new(move |at_once| tls.look(at_once)) });
        let rules = self.parts.rules.iter().cloned();
        let rules = rules.map(|rules| -> Look { Box::new(move |at_once| rules.look(at_once)) });
        let looks = tls.chain(rules).collect();
        let follow = renewed_files::follow(looks, self.reload.clone(), every);
        AbortOnDropHandle::new(tokio::spawn(follow))
    }

    /// Serves until `shutdown`, then stops gracefully: drains, and aborts at the timeout what is left.
    ///
    /// # Errors
    /// A server that fails by itself.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let _following = self.follow_files();
        let Self { grpc, http, admin, debug, listen, delivery, environment, parts, .. } = self;
        let health = Health::new(parts.rules.is_some());
        let gate = Arc::new(gate(&parts, listen.callers.clone()));
        let apis = apis::of_listeners(&parts, &gate, admin.is_some()).into_iter();
        let (reflection, limits) = (listen.reflection, environment.limits);
        let routes = |apis| grpc::routes(apis, health.clone(), reflection, limits);
        let routes: Vec<_> = apis.map(routes).collect::<Result<_, _>>()?;
        let metrics = metrics(&parts, &self.connections, &health);
        let (set_ready, ready) = watch::channel(false);
        let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
        let calls = |routes| listen.calls(routes, &gate, &metrics, limits);
        let calls: Vec<_> = routes.into_iter().map(calls).collect();
        let web = Web { parts: &parts, gate: &gate, listen: &listen, delivery: &delivery };
        // Without AdminService, where that has an address of its own.
        let gateway = Gateway::new(calls[0].clone().in_process(), limits.max_request);
        let debug = debug::at(debug, &parts, &environment, &ready);
        let site = web.site(gateway, &metrics, ready, draining.clone());
        let mut background = Background::start(&parts, delivery, &environment);

        let http_limits = listen.http_limits(environment.http_limits);
        let servers = Servers { grpc, http, admin, calls, site, http_limits, debug }.serve(&stop);
        tokio::pin!(servers);
        let watch = readiness::watch(&parts, &health, &set_ready, environment.check_every);
        tokio::select! {
            ended = &mut servers => return ended,
            () = watch => {}
            () = shutdown => {}
        }

        tracing::info!("shutting down");
        health.set_ready(Readiness::default());
        draining.cancel();
        set_ready.send_replace(false);
        let drain = async {
            // Callers that watch readiness switch to other replicas before connections are closed.
            tokio::time::sleep(listen.drain_delay).await;
            health.end_streams();
            parts.end_streams();
            stop.cancel();
        };
        let ended = timeout(listen.drain_delay + listen.shutdown_timeout, async {
            let ended = tokio::join!(drain, servers).1;
            // Last: running calls may have queued messages.
            background.finish_sending().await;
            ended
        });
        match ended.await {
            Ok(ended) => ended?,
            Err(_elapsed) => {
                tracing::warn!("shutdown timeout: aborting running calls and deliveries");
            }
        }
        drop(background);
        close(parts.store.as_ref()).await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// What lets calls through.
fn gate(parts: &Parts, callers: Option<Arc<Callers>>) -> Gate {
    Gate {
        sessions: Arc::clone(&parts.sessions),
        service_accounts: Arc::clone(&parts.service_accounts),
        callers,
    }
}

fn metrics(parts: &Parts, connections: &listen::Figures, health: &Health) -> Metrics {
    Metrics::new(|registry| {
        parts.passwords.figures().register(registry);
        parts.new_passwords.register(registry);
        parts.outbox.register(registry);
        parts.audit.register(registry);
        parts.deliveries.register(registry);
        parts.store.operations().register(registry);
        parts.authorization.register(registry);
        connections.register(registry);
        health.register(registry);
        trace::register(registry);
    })
}

async fn close(store: &dyn Store) {
    if timeout(CLOSE_DEADLINE, store.close()).await.is_err() {
        tracing::warn!("timed out closing the database connections");
    }
}

impl Listen {
    /// The RPCs of a listener, and what is around them.
    fn calls(
        &self,
        routes: grpc::Routes,
        gate: &Arc<Gate>,
        metrics: &Metrics,
        limits: grpc::Limits,
    ) -> grpc::Calls {
        grpc::Calls {
            routes,
            gate: Arc::clone(gate),
            metrics: metrics.clone(),
            limits: self.limits(limits),
            trusted_proxies: self.trusted_proxies.clone(),
            server_header: self.server_header(),
        }
    }

    /// The limits of gRPC, with the longest stream that the configuration allows.
    fn limits(&self, limits: grpc::Limits) -> grpc::Limits {
        grpc::Limits { max_stream_age: service::longest_stream(self.stream_age), ..limits }
    }

    /// The same of HTTP.
    fn http_limits(&self, limits: http::Limits) -> http::Limits {
        http::Limits { max_stream_age: service::longest_stream(self.stream_age), ..limits }
    }

    fn server_header(&self) -> ServerHeader {
        if self.names_server { ServerHeader::On } else { ServerHeader::Off }
    }
}

/// A listener that there may be, and its address.
async fn if_any(
    bound: Option<impl Future<Output = Result<(Listener, Address), Error>>>,
) -> Result<(Option<Listener>, Option<Address>), Error> {
    match bound {
        Some(bound) => bound.await.map(|(listener, address)| (Some(listener), Some(address))),
        None => Ok((None, None)),
    }
}

async fn bind(
    name: &'static str,
    address: &Address,
    tls: Option<Arc<Tls>>,
    limits: listen::Limits,
    figures: &listen::Figures,
) -> Result<(Listener, Address), Error> {
    let listen = async {
        let listener = Listener::bind(name, address, tls, limits, figures).await?;
        let address = listener.local_addr(address)?;
        Ok((listener, address))
    };
    listen.await.map_err(|error| Error::Listen(address.clone(), error))
}

/// The TLS of the listener of that name, if it has files.
fn tls(
    name: &'static str,
    files: Option<&Files>,
    protocol: Protocol,
    figures: &listen::Figures,
) -> Result<Option<Arc<Tls>>, Error> {
    let load = |files: &Files| Tls::load(name, files.clone(), protocol, &figures.tls);
    files.map(load).transpose().map(|tls| tls.map(Arc::new)).map_err(Error::Tls)
}
