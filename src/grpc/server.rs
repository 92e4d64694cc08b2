//! The server: its limits, its services, its layers.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use tonic::{
    body::Body,
    codec::CompressionEncoding,
    codegen::http::{Request, Response},
    service::Routes,
    transport::Server,
};
use tonic_web::GrpcWebLayer;
use tower::{
    Service, ServiceBuilder, ServiceExt as _,
    util::{BoxCloneSyncService, option_layer},
};

use super::{
    access::Access, account_service::AccountApi, admin_service::AdminApi, auth_service::AuthApi,
    authorization::AuthorizationApi, bounds::Bounds, fork::Fork, health::Health,
    incoming::incoming, observe::Observe, token_service::TokenApi,
};
use crate::{
    domain::TrustedProxies,
    edge::{BrokenOff, Deadlines, Gate, Payload, Rpcs, Ruled, ServerHeader},
    listen::Listener,
    pb::{
        DESCRIPTORS,
        account_service_server::AccountServiceServer,
        admin_service_server::AdminServiceServer,
        auth_service_server::AuthServiceServer,
        ext_authz::{self, envoy::service::auth::v3::authorization_server::AuthorizationServer},
        health::{self, health_server::HealthServer},
        token_service_server::TokenServiceServer,
    },
    telemetry::Metrics,
};

/// Limits for one caller. Each answers a measured attack; ADR 4 says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time. One source has a quarter of them at the most.
    pub max_connections: usize,
    /// The deadline of the HTTP/2 preface, from accepting a connection.
    pub preface_deadline: Duration,
    /// Streams at a time on one connection.
    pub max_streams: u32,
    /// Streams that the server resets on one connection before it sends GOAWAY (ENHANCE_YOUR_CALM).
    pub max_error_resets: usize,
    /// How long a connection may be silent before the server sends a keepalive ping.
    pub keepalive_interval: Duration,
    /// The deadline of the answer to that ping.
    pub keepalive_timeout: Duration,
    /// The age at which a connection gets a GOAWAY, so that callers spread over new replicas.
    pub max_connection_age: Duration,
    /// How much longer its streams may go on: as long as the longest of them lasts. Then the connection is closed, and
    /// with it streams that never end by themselves: a `Watch` of health, a stream that its caller does not read. The
    /// server sets this from the configuration.
    pub max_stream_age: Duration,
    /// The longest that an RPC may take to answer.
    pub max_deadline: Duration,
    /// The largest message of a request, in bytes, also when it is decompressed.
    pub max_request: usize,
    /// The largest head of a request (its metadata), in bytes as HTTP/2 counts them.
    pub max_head: usize,
}

/// The largest request of Envoy's, in bytes: it tells the whole head of another request, of 60 KiB by its default.
const MAX_CHECK: usize = 256 * 1024;

/// HTTP/2's own limit of heads, in multiples of ours: its refusals have no gRPC status, and are not counted.
const HEADS: usize = 8;

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            preface_deadline: Duration::from_secs(5),
            max_streams: 100,
            max_error_resets: 128,
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            max_connection_age: Duration::from_secs(30 * 60),
            max_stream_age: Duration::from_secs(33 * 60),
            max_deadline: Duration::from_secs(30),
            max_request: 64 * 1024,
            max_head: 16 * 1024,
        }
    }
}

/// The RPCs of a listener, and what is around them.
#[derive(Debug, Clone)]
pub struct Calls {
    /// The handlers.
    pub routes: Routes,
    /// Applies the table of access.
    pub gate: Arc<Gate>,
    /// Counts calls.
    pub metrics: Metrics,
    /// The limits for one caller.
    pub limits: Limits,
    /// Proxies whose forwarded addresses are trusted.
    pub trusted_proxies: TrustedProxies,
    /// Whether answers name the program.
    pub server_header: ServerHeader,
}

impl Calls {
    /// Serves until `shutdown`, then waits for running calls (graceful shutdown). `http` answers what is not gRPC, where
    /// the address is for both.
    ///
    /// # Errors
    /// tonic's.
    pub async fn serve(
        self,
        listener: Listener,
        http: Option<Rpcs>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        let Self { routes, gate, metrics, limits, trusted_proxies, server_header } = self;
        // Including the longest RPC, for a call that came in last.
        let longest = limits.max_connection_age + limits.max_stream_age + limits.max_deadline;
        let incoming = incoming(listener, limits.preface_deadline, longest, metrics.clone());
        let observe = Observe { metrics, trusted_proxies, server_header, bounds: bounds(limits) };
        builder(limits)
            .accept_http1(http.is_some())
            .layer(option_layer(http.map(|http| Ruled(Fork(http)))))
            .layer(Ruled(observe))
            // The innermost: its query of the database has the caller's deadline, too.
            .layer(Ruled(Access(gate)))
            .serve_with_incoming_shutdown(routes.prepare(), incoming, shutdown)
            .await
    }

    /// The same RPCs, for callers within the process: other transports, which bring the `Context` of their calls.
    pub fn in_process(self) -> Rpcs {
        let Self { routes, gate, metrics, limits, trusted_proxies, .. } = self;
        // The other transport has the same deadline, from the head on: an RPC's own answer must come before.
        let limits = Limits { max_deadline: limits.max_deadline.mul_f64(0.9), ..limits };
        // It also names the program, in answers of its own.
        let server_header = ServerHeader::Off;
        let observe = Observe { metrics, trusted_proxies, server_header, bounds: bounds(limits) };
        let rpcs = ServiceBuilder::new()
            .layer(GrpcWebLayer::new())
            .layer(Ruled(observe))
            .layer(Ruled(Access(gate)))
            .service(routes.prepare());
        boxed(rpcs)
    }
}

/// RPCs that are none of ours, with our deadlines and codes: those of a test of the protocols. Ours never come this way,
/// which asks for no access.
pub fn of_others(routes: Routes, limits: Limits) -> Rpcs {
    let rpcs = ServiceBuilder::new()
        .layer(GrpcWebLayer::new())
        .layer(Ruled(bounds(limits)))
        .service(routes.prepare());
    boxed(rpcs)
}

fn boxed<S>(rpcs: S) -> Rpcs
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let rpcs = rpcs.map_request(|request: Request<Payload>| request.map(Body::new));
    BoxCloneSyncService::new(rpcs.map_response(|response: Response<Body>| {
        response.map(|body| body.map_err(BrokenOff::by).boxed_unsync())
    }))
}

fn bounds(limits: Limits) -> Bounds {
    Bounds {
        deadlines: Deadlines { max: limits.max_deadline },
        max_request: limits.max_request,
        max_head: limits.max_head,
    }
}

fn builder(limits: Limits) -> Server {
    Server::builder()
        .max_concurrent_streams(limits.max_streams)
        .http2_max_local_error_reset_streams(Some(limits.max_error_resets))
        .http2_max_pending_accept_reset_streams(Some(20))
        .http2_max_header_list_size(u32::try_from(limits.max_head * HEADS).unwrap_or(u32::MAX))
        .max_frame_size(16 * 1024)
        .http2_keepalive_interval(Some(limits.keepalive_interval))
        .http2_keepalive_timeout(Some(limits.keepalive_timeout))
        // Without a grace period, which would end connections without a GOAWAY.
        .max_connection_age(limits.max_connection_age)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(256 * 1024)
}

/// The handlers that a listener serves.
#[derive(Debug)]
pub struct Apis {
    /// Of users and services; absent at the address of administrators.
    pub public: Option<(AuthApi, AccountApi, TokenApi)>,
    /// Envoy's; absent where there are no rules.
    pub authorization: Option<AuthorizationApi>,
    /// Of administrators; absent where they have an address of their own.
    pub admin: Option<AdminApi>,
}

/// The services of a listener.
///
/// # Errors
/// A descriptor set that reflection can't read.
pub fn routes(
    apis: Apis,
    health: Health,
    reflection: bool,
    limits: Limits,
) -> Result<Routes, tonic_reflection::server::Error> {
    // Requests may be compressed, answers never are: they contain secrets beside text that callers choose (BREACH).
    macro_rules! limited {
        ($service:expr) => {
            $service
                .max_decoding_message_size(limits.max_request)
                .accept_compressed(CompressionEncoding::Gzip)
        };
    }
    let mut routes = Routes::new(limited!(HealthServer::new(health)));
    if let Some((auth, account, token)) = apis.public {
        routes = routes
            .add_service(limited!(AccountServiceServer::new(account)))
            .add_service(limited!(AuthServiceServer::new(auth)))
            .add_service(limited!(TokenServiceServer::new(token)));
    }
    let has_authorization = apis.authorization.is_some();
    if let Some(authorization) = apis.authorization {
        let service = limited!(AuthorizationServer::new(authorization));
        routes = routes.add_service(service.max_decoding_message_size(MAX_CHECK));
    }
    if let Some(admin) = apis.admin {
        routes = routes.add_service(limited!(AdminServiceServer::new(admin)));
    }
    if reflection {
        let builder = || {
            let builder = tonic_reflection::server::Builder::configure();
            let builder = if has_authorization {
                builder.register_encoded_file_descriptor_set(ext_authz::DESCRIPTORS)
            } else {
                builder
            };
            builder
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(health::DESCRIPTORS)
                // With these, clients such as grpcurl can show the details of errors.
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        let (v1, v1alpha) = (builder().build_v1()?, builder().build_v1alpha()?);
        routes = routes.add_service(limited!(v1)).add_service(limited!(v1alpha));
    }
    Ok(routes)
}
