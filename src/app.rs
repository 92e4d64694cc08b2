//! The wiring, and the only module that sees every layer: bind, tell the addresses, serve until told to stop.

mod background;
mod readiness;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use self::background::Background;
use crate::{
    config::{Config, Listen, Signing},
    delivery::Delivery,
    domain::TrustedProxies,
    grpc::{self, Health, Readiness},
    http,
    listen::{self, Listener},
    password::Passwords,
    service::{
        self, Clock, KEYS_RELOAD_EVERY, KeyKeeper, Limits, Operator, Outbox, Reencryption,
        RevocationLog, RevocationPace, UseCases,
    },
    store::{self, Store},
    telemetry::Metrics,
    token::{self, AccessTokens, Algorithm, KeyRing, MasterKey},
};

/// Why the service does not start, or ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener's address is taken, or not ours.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The master key of the development profile can't be had.
    #[error("cannot load the master key")]
    MasterKey(#[source] io::Error),
    /// The digest key can't be had.
    #[error("cannot load the digest key")]
    DigestKey(#[from] service::DigestKeyError),
    /// The database can't be used.
    #[error("cannot use the database")]
    Store(#[from] store::Error),
    /// The signing key can't be had.
    #[error("cannot load the signing key")]
    SigningKey(#[from] service::SigningKeyError),
    /// The system has no threads for hashing.
    #[error("cannot start the hashing threads")]
    Threads(#[source] io::Error),
    /// The descriptor set is broken.
    #[error("cannot serve reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The gRPC server ended.
    #[error("the gRPC server failed")]
    Grpc(#[from] tonic::transport::Error),
}

/// How long the database has to let go of its connections, at the very end.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// What differs between a server in production and one in a test.
#[derive(Debug, Clone)]
pub struct Environment {
    /// What time it is.
    pub clock: Clock,
    /// How much one caller of gRPC may take.
    pub limits: grpc::Limits,
    /// How much one caller of HTTP may take.
    pub http_limits: http::Limits,
    /// Whether this machine may have no more connections than any other source.
    pub limit_loopback: bool,
    /// How often readiness is checked.
    pub check_every: Duration,
    /// Poll interval of the outbox: for messages of other replicas, and of before a restart.
    pub deliver_every: Duration,
    /// How often the lease of a message that takes long to send is renewed; then it also gives its place to another one.
    pub renew_message_every: Duration,
    /// How often the signing keys are loaded anew.
    pub reload_keys_every: Duration,
    /// How often what has ended is removed.
    pub clean_every: Duration,
    /// How often revocations are looked for, and streams of them say that they live.
    pub revocations: RevocationPace,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            limits: grpc::Limits::default(),
            http_limits: http::Limits::default(),
            limit_loopback: false,
            check_every: Duration::from_secs(2),
            deliver_every: Duration::from_secs(1),
            renew_message_every: Duration::from_secs(5),
            reload_keys_every: KEYS_RELOAD_EVERY,
            clean_every: Duration::from_secs(60),
            revocations: RevocationPace::default(),
        }
    }
}

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct App {
    grpc: Listener,
    http: Listener,
    connections: listen::Figures,
    grpc_addr: SocketAddr,
    http_addr: SocketAddr,
    listen: Listen,
    delivery: Delivery,
    environment: Environment,
    use_cases: UseCases,
}

/// Makes what the use cases stand on: an up-to-date database, keys, hashing threads.
///
/// # Errors
/// What can't be had.
pub async fn use_cases(config: &Config, environment: &Environment) -> Result<UseCases, Error> {
    // Nobody waits for this but the first signature, which would otherwise do it then.
    drop(tokio::task::spawn_blocking(token::seed_randomness));
    // Checking the kernels takes as long as opening the database: they go side by side.
    let hashing = config.password;
    let passwords = tokio::spawn(blocking(move || Passwords::start(hashing)));
    // Before the master key: this makes the folder where the development profile keeps it.
    let store = config.database.connect().await?;
    store::prepare(store.as_ref(), config.database.preparation()).await?;
    let master_key = master_key(config).await?;
    // Before the signing keys: a wrong master key is noticed here and makes none.
    let master_key =
        service::with_digest_key(master_key, store.as_ref(), &environment.clock).await?;
    let (keys, ring) = match &config.signing {
        Signing::Stored(algorithm) => {
            let keys = key_keeper(config, *algorithm, &store, &master_key, &environment.clock);
            let ring = keys.load().await?;
            (Some(keys), ring)
        }
        Signing::Secret(key) => (None, KeyRing::of_one(key.clone())),
    };
    let passwords = passwords.await.map_err(io::Error::other).flatten().map_err(Error::Threads)?;
    passwords.rest_while(store.writing());
    let (policy, clock) = (Arc::new(config.policy.clone()), environment.clock.clone());
    let outbox = Outbox::new(master_key.clone(), clock.clone());
    let limits = Limits::new(
        Arc::clone(&store),
        master_key.clone(),
        passwords.clone(),
        Arc::clone(&policy),
        outbox.clone(),
        clock.clone(),
    );
    Ok(UseCases {
        store,
        passwords,
        tokens: AccessTokens::new(ring, config.access_tokens.clone()),
        keys,
        master_key,
        outbox,
        policy,
        limits: Arc::new(limits),
        clock,
        revocations: RevocationLog::new(environment.revocations, config.listen.stream_age),
    })
}

/// Makes what the signing keys are managed with, on a database that is up to date; nothing where there is a configured secret.
///
/// # Errors
/// What can't be had.
pub async fn keys(config: &Config, clock: &Clock) -> Result<Option<KeyKeeper>, Error> {
    let Signing::Stored(algorithm) = &config.signing else { return Ok(None) };
    let store = config.database.connect_existing().await?;
    store.check().await?;
    let master_key = master_key(config).await?;
    Ok(Some(key_keeper(config, *algorithm, &store, &master_key, clock)))
}

/// Makes what commands about users stand on, on a database that is up to date.
///
/// # Errors
/// What can't be had.
pub async fn operator(config: &Config, clock: &Clock) -> Result<Operator, Error> {
    let (store, master_key) = opened(config, clock).await?;
    Ok(Operator { store, outbox: Outbox::new(master_key, clock.clone()), clock: clock.clone() })
}

/// Makes what encrypts everything anew, on a database that is up to date.
///
/// # Errors
/// What can't be had.
pub async fn reencryption(config: &Config, clock: &Clock) -> Result<Reencryption, Error> {
    let (store, master_key) = opened(config, clock).await?;
    Ok(Reencryption { store, master_key })
}

/// A database that is up to date, and what opens what is encrypted in it.
async fn opened(config: &Config, clock: &Clock) -> Result<(Arc<dyn Store>, MasterKey), Error> {
    let store = config.database.connect_existing().await?;
    store.check().await?;
    let master_key = master_key(config).await?;
    let master_key = service::with_digest_key(master_key, store.as_ref(), clock).await?;
    Ok((store, master_key))
}

fn key_keeper(
    config: &Config,
    algorithm: Algorithm,
    store: &Arc<dyn Store>,
    master_key: &MasterKey,
    clock: &Clock,
) -> KeyKeeper {
    KeyKeeper {
        store: Arc::clone(store),
        master_key: master_key.clone(),
        algorithm,
        rotation: config.key_rotation,
        lead: config.key_lead,
        token_ttl: config.access_tokens.ttl,
        clock: clock.clone(),
        reloading: Arc::default(),
    }
}

async fn master_key(config: &Config) -> Result<MasterKey, Error> {
    let (source, old) = (config.master_key.clone(), config.old_master_key.clone());
    blocking(move || source.load_beside(old.as_ref())).await.map_err(Error::MasterKey)
}

/// Runs what blocks a thread on one that may be blocked.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
}

impl App {
    /// Binds the listeners and makes everything behind them.
    ///
    /// # Errors
    /// What can't be had.
    pub async fn bind(config: &Config, environment: Environment) -> Result<Self, Error> {
        warn_of_wide_proxies(&config.listen.trusted_proxies);
        let connections = listen::Figures::default();
        let bind = |name, address, places| {
            let proxies = config.listen.trusted_proxies.clone();
            let limits =
                listen::Limits { places, proxies, limit_loopback: environment.limit_loopback };
            bind(name, address, limits, &connections)
        };
        let (listen, limits) = (config.listen.clone(), environment.limits);
        let (grpc, grpc_addr) = bind("grpc", listen.grpc, limits.max_connections).await?;
        let places = environment.http_limits.max_connections;
        let (http, http_addr) = bind("http", listen.http, places).await?;
        let use_cases = use_cases(config, &environment).await?;
        let delivery = config.delivery.clone();
        Ok(Self {
            grpc,
            http,
            connections,
            grpc_addr,
            http_addr,
            listen,
            delivery,
            environment,
            use_cases,
        })
    }

    /// Where gRPC listens.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Where HTTP listens.
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Serves until `shutdown`; then says so, drains, and ends what is left when the time is up.
    ///
    /// # Errors
    /// A server that fails by itself.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let Self { grpc, http, connections, listen, delivery, environment, use_cases, .. } = self;
        let (mut health, health_service) = Health::new().await;
        let routes =
            grpc::routes(&use_cases, health_service, listen.reflection, environment.limits)?;
        let metrics = metrics(&use_cases, &connections);
        let (set_ready, ready) = watch::channel(false);
        let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
        let site = http::Site {
            use_cases: use_cases.clone(),
            metrics: metrics.clone(),
            ready,
            draining: draining.clone(),
        };
        let mut background = Background::start(&use_cases, delivery, &environment);

        let servers = async {
            let stopped = stop.clone().cancelled_owned();
            let (calls, limits) = (use_cases.clone(), listen.limits(environment.limits));
            let proxies = listen.trusted_proxies.clone();
            let grpc = grpc::serve(grpc, routes, calls, metrics, limits, proxies, stopped);
            let stopped = stop.clone().cancelled_owned();
            let http = http::serve(http, site, environment.http_limits, stopped);
            tokio::join!(grpc, http).0
        };
        tokio::pin!(servers);
        let watch = readiness::watch(&use_cases, &health, &set_ready, environment.check_every);
        tokio::select! {
            ended = &mut servers => return Ok(ended?),
            () = watch => {}
            () = shutdown => {}
        }

        tracing::info!("shutting down");
        health.set_ready(Readiness::default()).await;
        draining.cancel();
        set_ready.send_replace(false);
        let drain = async {
            // Callers that watch readiness turn elsewhere before connections are closed.
            tokio::time::sleep(listen.drain_delay).await;
            health.end_streams().await;
            use_cases.end_revocation_streams();
            stop.cancel();
        };
        let ended = timeout(listen.drain_delay + listen.shutdown_timeout, async {
            let ended = tokio::join!(drain, servers).1;
            // Only now: the last calls may have caused messages.
            background.finish_sending().await;
            ended
        });
        match ended.await {
            Ok(ended) => ended?,
            Err(_elapsed) => {
                tracing::warn!("shutdown timeout: calls and deliveries that still run are aborted");
            }
        }
        drop(background);
        close(use_cases.store.as_ref()).await;
        tracing::info!("stopped");
        Ok(())
    }
}

fn metrics(use_cases: &UseCases, connections: &listen::Figures) -> Metrics {
    Metrics::new(|registry| {
        use_cases.passwords.figures().register(registry);
        use_cases.outbox.register(registry);
        use_cases.store.operations().register(registry);
        connections.register(registry);
    })
}

async fn close(store: &dyn Store) {
    if timeout(CLOSE_DEADLINE, store.close()).await.is_err() {
        tracing::warn!("shutdown timeout: the connections to the database were not closed in time");
    }
}

impl Listen {
    /// The limits of gRPC, of which how long a connection may last follows from how long its streams may.
    fn limits(&self, limits: grpc::Limits) -> grpc::Limits {
        grpc::Limits { max_stream_age: service::longest_stream(self.stream_age), ..limits }
    }
}

/// It is allowed: in a network of one's own all may be trusted. But whoever is trusted chooses the address that counts.
fn warn_of_wide_proxies(trusted: &TrustedProxies) {
    let networks: Vec<_> = trusted.too_wide().map(|network| network.to_string()).collect();
    if !networks.is_empty() {
        tracing::warn!(
            networks = networks.join(","),
            "COUNTERSIGN_TRUSTED_PROXIES trusts a large part of the internet: clients there can choose the address \
             that limits and records go by; name the networks of your proxies alone, such as 10.0.0.0/8"
        );
    }
}

async fn bind(
    name: &'static str,
    address: SocketAddr,
    limits: listen::Limits,
    figures: &listen::Figures,
) -> Result<(Listener, SocketAddr), Error> {
    let listen = async {
        let listener = Listener::bind(name, address, limits, figures).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listen.await.map_err(|error| Error::Listen(address, error))
}
