//! A TokenService whose keys and streams the tests hold in their hands.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::{io::DuplexStream, sync::mpsc, time::timeout};
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Server, Uri},
};

use super::pb::{
    ExchangeTokenRequest, ExchangeTokenResponse, GetJwksRequest, GetJwksResponse,
    IntrospectTokenRequest, IntrospectTokenResponse, IssueServiceTokenRequest,
    IssueServiceTokenResponse, Jwk, Revocation, WatchRevocationsRequest, WatchRevocationsResponse,
    revocation::Subject,
    token_service_server::{TokenService, TokenServiceServer},
};

type Message = Result<WatchRevocationsResponse, Status>;

/// The server. It is there as long as its channel is.
pub struct Fake {
    pub state: Arc<State>,
    streams: mpsc::UnboundedReceiver<Stream>,
}

pub struct State {
    pub keys: Mutex<Vec<Jwk>>,
    /// How often the keys were asked for.
    pub fetches: AtomicUsize,
    /// How often the revocations were asked for.
    pub watches: AtomicUsize,
    pub is_away: AtomicBool,
    streams: mpsc::UnboundedSender<Stream>,
}

/// A stream of revocations that a verifier has opened. It ends when this is dropped.
pub struct Stream {
    /// Where it was asked to begin.
    pub cursor: String,
    messages: mpsc::Sender<Message>,
}

impl Fake {
    pub fn new(keys: impl IntoIterator<Item = Jwk>) -> Self {
        let (sender, streams) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            keys: Mutex::new(keys.into_iter().collect()),
            fetches: AtomicUsize::new(0),
            watches: AtomicUsize::new(0),
            is_away: AtomicBool::new(false),
            streams: sender,
        });
        Self { state, streams }
    }

    pub fn set_away(&self, is_away: bool) {
        self.state.is_away.store(is_away, Ordering::SeqCst);
    }

    pub fn set_keys(&self, keys: impl IntoIterator<Item = Jwk>) {
        *self.state.keys.lock().unwrap() = keys.into_iter().collect();
    }

    pub fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }

    pub fn watches(&self) -> usize {
        self.state.watches.load(Ordering::SeqCst)
    }

    /// A connection to it, in memory.
    pub fn channel(&self) -> Channel {
        let (connections, incoming) = mpsc::unbounded_channel::<Result<DuplexStream, Status>>();
        let service = TokenServiceServer::new(Handler(Arc::clone(&self.state)));
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(UnboundedReceiverStream::new(incoming)));
        let connector = tower::service_fn(move |_uri: Uri| {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let sent = connections.send(Ok(theirs));
            std::future::ready(sent.map(|()| TokioIo::new(ours)))
        });
        Endpoint::from_static("http://fake").connect_with_connector_lazy(connector)
    }

    /// The next stream that is opened.
    pub async fn stream(&mut self) -> Stream {
        match timeout(Duration::from_secs(60), self.streams.recv()).await {
            Ok(Some(stream)) => stream,
            Ok(None) | Err(_) => panic!("nobody opens a stream"),
        }
    }
}

impl Stream {
    pub async fn heartbeat(&self, cursor: &str) {
        self.send(cursor, None).await;
    }

    pub async fn revoke(&self, cursor: &str, subject: Subject, not_before: u64, expire: u64) {
        let time = |seconds: u64| prost_types::Timestamp {
            seconds: i64::try_from(seconds).unwrap(),
            nanos: 0,
        };
        let (not_before, expire_time) = (Some(time(not_before)), Some(time(expire)));
        let revocation =
            Revocation { subject: Some(subject), not_before, expire_time, ..Revocation::default() };
        self.send(cursor, Some(revocation)).await;
    }

    pub async fn send(&self, cursor: &str, revocation: Option<Revocation>) {
        let message = WatchRevocationsResponse { cursor: cursor.to_owned(), revocation };
        self.messages.send(Ok(message)).await.unwrap();
    }

    /// Ends it with an error.
    pub async fn fail(self, status: Status) {
        self.messages.send(Err(status)).await.unwrap();
    }

    /// Waits until the verifier has left it.
    pub async fn left(&self) {
        self.messages.closed().await;
    }
}

struct Handler(Arc<State>);

#[tonic::async_trait]
impl TokenService for Handler {
    async fn get_jwks(
        &self,
        _request: Request<GetJwksRequest>,
    ) -> Result<Response<GetJwksResponse>, Status> {
        self.0.fetches.fetch_add(1, Ordering::SeqCst);
        if self.0.is_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let keys = self.0.keys.lock().unwrap().clone();
        Ok(Response::new(GetJwksResponse { jwks_json: Vec::new(), keys }))
    }

    async fn introspect_token(
        &self,
        _request: Request<IntrospectTokenRequest>,
    ) -> Result<Response<IntrospectTokenResponse>, Status> {
        Err(Status::unimplemented("nobody asks for it"))
    }

    async fn issue_service_token(
        &self,
        _request: Request<IssueServiceTokenRequest>,
    ) -> Result<Response<IssueServiceTokenResponse>, Status> {
        Err(Status::unimplemented("nobody asks for it"))
    }

    async fn exchange_token(
        &self,
        _request: Request<ExchangeTokenRequest>,
    ) -> Result<Response<ExchangeTokenResponse>, Status> {
        Err(Status::unimplemented("nobody asks for it"))
    }

    type WatchRevocationsStream = ReceiverStream<Message>;

    async fn watch_revocations(
        &self,
        request: Request<WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        self.0.watches.fetch_add(1, Ordering::SeqCst);
        if self.0.is_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        let (messages, receiver) = mpsc::channel(16);
        let stream = Stream { cursor: request.into_inner().cursor, messages };
        self.0.streams.send(stream).map_err(|_gone| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
