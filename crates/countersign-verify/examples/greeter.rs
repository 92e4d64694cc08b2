//! Greets whoever is logged in at a Countersign server: `cargo run --package countersign-verify --example greeter`.
//!
//! `COUNTERSIGN` says where that server is, if not at http://localhost:50051. The crate's README has commands to try.

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::{error::Error, time::Duration};

use countersign_verify::{Claims, Settings, Verifier, VerifyLayer};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Server},
};

use self::pb::{
    GreetRequest, GreetResponse,
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

struct Greeter;

#[tonic::async_trait]
impl GreeterService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let no_layer = || Status::internal("the service runs without its layer");
        let claims = Claims::of(request.extensions()).ok_or_else(no_layer)?;
        let greeting = format!("Hello, {}!", claims.preferred_username);
        Ok(Response::new(GreetResponse { greeting }))
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

    println!("Greeter on 127.0.0.1:50052");
    Server::builder()
        .layer(VerifyLayer::new(verifier))
        .add_service(GreeterServiceServer::new(Greeter))
        .serve("127.0.0.1:50052".parse()?)
        .await?;
    Ok(())
}
