//! Greets users who are logged in at a Countersign server, and tells services how often: `cargo run --package countersign-verify --example greeter`.
//!
//! `COUNTERSIGN` says where that server is, if not at http://localhost:50051. The crate's README has commands to try.

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::{
    error::Error,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use countersign_verify::{Accept, Settings, User, Verifier, VerifyLayer};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Server},
};

use self::pb::{
    CountGreetingsRequest, CountGreetingsResponse, GreetRequest, GreetResponse,
    greeter_service_server::{GreeterService, GreeterServiceServer},
};

mod pb {
    #![expect(
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        unreachable_pub,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/dev/greeter.v1.rs"));
}

#[derive(Default)]
struct Greeter {
    greetings: AtomicU64,
}

#[tonic::async_trait]
impl GreeterService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let no_layer = || Status::internal("the service runs without its layer");
        let user = User::of(request.extensions()).ok_or_else(no_layer)?;
        self.greetings.fetch_add(1, Ordering::Relaxed);
        let greeting = format!("Hello, {}!", user.preferred_username);
        Ok(Response::new(GreetResponse { greeting }))
    }

    async fn count_greetings(
        &self,
        _request: Request<CountGreetingsRequest>,
    ) -> Result<Response<CountGreetingsResponse>, Status> {
        let count = self.greetings.load(Ordering::Relaxed);
        Ok(Response::new(CountGreetingsResponse { count }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).init();
    #[expect(clippy::disallowed_methods, reason = "an example has no configuration of its own")]
    let countersign = std::env::var("COUNTERSIGN");
    let countersign = countersign.unwrap_or_else(|_unset| "http://localhost:50051".to_owned());
    let channel = Channel::from_shared(countersign)?.connect_lazy();
    // The defaults of a Countersign server.
    let settings = Settings::new("http://localhost:8080", "countersign");
    let verifier = Verifier::connect(channel, settings, Duration::from_secs(10)).await?;

    // Greet is for users, as all that is not named. No user may count, and no service without that scope.
    let layer = VerifyLayer::new(verifier).accept_on(
        "/greeter.v1.GreeterService/CountGreetings",
        Accept::services().require_scope("greetings.count"),
    );

    println!("Greeter on 127.0.0.1:50052");
    Server::builder()
        .layer(layer)
        .add_service(GreeterServiceServer::new(Greeter::default()))
        .serve("127.0.0.1:50052".parse()?)
        .await?;
    Ok(())
}
