//! A greeter that says nothing, on a socket of the loopback, and callers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use countersign_verify::VerifyLayer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Server},
};

use self::pb::{
    CountGreetingsRequest, CountGreetingsResponse, GreetRequest, GreetResponse,
    greeter_service_client::GreeterServiceClient,
    greeter_service_server::{GreeterService, GreeterServiceServer},
};

mod pb {
    #![expect(
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/dev/greeter.v1.rs"));
}

/// Enough to keep a few cores busy.
const CALLERS: usize = 32;
const ROUND: Duration = Duration::from_millis(1000);

struct Greeter;

#[tonic::async_trait]
impl GreeterService for Greeter {
    async fn greet(
        &self,
        _request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        Ok(Response::new(GreetResponse::default()))
    }

    async fn count_greetings(
        &self,
        _request: Request<CountGreetingsRequest>,
    ) -> Result<Response<CountGreetingsResponse>, Status> {
        Err(Status::unimplemented("nobody asks for it"))
    }
}

/// A server and what is sent to it.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) aim: Option<f64>,
    client: GreeterServiceClient<Channel>,
    tokens: Arc<[MetadataValue<Ascii>]>,
    next: Arc<AtomicUsize>,
}

impl Side {
    pub(crate) async fn start(
        name: &'static str,
        aim: Option<f64>,
        layer: Option<VerifyLayer>,
        tokens: &[String],
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = GreeterServiceServer::new(Greeter);
        let incoming = TcpListenerStream::new(listener);
        match layer {
            Some(layer) => {
                let server = Server::builder().layer(layer).add_service(service);
                tokio::spawn(server.serve_with_incoming(incoming));
            }
            None => {
                let server = Server::builder().add_service(service);
                tokio::spawn(server.serve_with_incoming(incoming));
            }
        }
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        let client = GreeterServiceClient::new(channel.connect().await.unwrap());
        let tokens = tokens.iter().map(|jwt| format!("Bearer {jwt}").parse().unwrap()).collect();
        Self { name, aim, client, tokens, next: Arc::default() }
    }

    /// Calls a second, by many callers at once. All sides send a token, so that what is compared is the layer alone.
    pub(crate) async fn rate(&self) -> f64 {
        let start = Instant::now();
        let callers: Vec<_> =
            (0..CALLERS).map(|_| tokio::spawn(self.call_until(start + ROUND))).collect();
        let mut calls = 0;
        for caller in callers {
            calls += caller.await.unwrap();
        }
        f64::from(calls) / start.elapsed().as_secs_f64()
    }

    fn call_until(&self, end: Instant) -> impl Future<Output = u32> + use<> {
        let (mut client, tokens, next) =
            (self.client.clone(), self.tokens.clone(), self.next.clone());
        async move {
            let mut calls = 0;
            while Instant::now() < end {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let mut request = Request::new(GreetRequest {});
                let token = tokens[number % tokens.len()].clone();
                request.metadata_mut().insert("authorization", token);
                client.greet(request).await.unwrap();
                calls += 1;
            }
            calls
        }
    }
}
