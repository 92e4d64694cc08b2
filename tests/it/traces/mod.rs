//! Traces, as a collector gets them from the real program.

mod collectors;
mod exemplars;
mod lines;
mod parents;
mod tree;

use std::process::Command;

use countersign::pb::{
    Challenge, LoginRequest, Tokens, Verify2FaRequest, auth_service_client::AuthServiceClient,
    login_response::Result as Outcome, verify2_fa_request::Proof,
};
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    harness::{
        Database,
        command::Running,
        server::{PASSWORD, alice},
    },
    process::{code_in, serve},
};

/// A server on `database` that exports by gRPC, soon after a span has ended.
fn traced(database: &Database, endpoint: &str) -> Command {
    let mut command = serve(database);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .env("OTEL_BSP_SCHEDULE_DELAY", "50");
    command
}

async fn client(running: &Running) -> AuthServiceClient<Channel> {
    AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap()
}

/// A call of Login, as a part of a trace if one is given.
fn login(traceparent: Option<&str>) -> Request<LoginRequest> {
    let (username, password) = ("alice".into(), PASSWORD.into());
    let mut login = Request::new(LoginRequest { username, password, ..Default::default() });
    if let Some(parent) = traceparent {
        login.metadata_mut().insert("traceparent", parent.parse().unwrap());
    }
    login
}

fn challenge(answer: Result<Response<countersign::pb::LoginResponse>, Status>) -> Challenge {
    match answer.unwrap().into_inner().result {
        Some(Outcome::Challenge(challenge)) => challenge,
        other => panic!("no challenge: {other:?}"),
    }
}

/// Registers Alice, and logs her in with the code in the log.
async fn logged_in(running: &mut Running) -> Tokens {
    let mut auth = client(running).await;
    auth.register(alice(PASSWORD)).await.unwrap();
    let challenge = challenge(auth.login(login(None)).await);
    let code = code_in(&running.wait_for_log("one-time code"));
    let proof = Some(Proof::OtpCode(code));
    let verify =
        Verify2FaRequest { challenge_id: challenge.challenge_id, proof, ..Default::default() };
    auth.verify2_fa(verify).await.unwrap().into_inner().tokens.unwrap()
}

/// Ends the server, which must end well.
async fn stop(mut running: Running) -> String {
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);
    running.logged
}
