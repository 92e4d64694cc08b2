//! Register, where it tells nobody which names and addresses are taken.

mod enumeration;
mod flow;
mod owners;
mod retries;

use countersign::pb::{RegisterRequest, RegisterResponse, User, VerifyEmailRequest};
use tonic::Status;

use crate::harness::{Backend, Server, logs, server::registration, soon};

/// A server that registers quietly; its clock stands still.
async fn server(backend: Backend) -> Server {
    let server = Server::start_with(backend, |config, _| {
        config.policy.email_verification = true;
        config.policy.register_quietly = true;
    })
    .await;
    server.clock.stop();
    server
}

/// Registers, and waits until what is sent was sent.
async fn register(server: &Server, request: RegisterRequest) -> Result<RegisterResponse, Status> {
    let registered = soon("Register", server.auth.clone().register(request)).await?.into_inner();
    server.delivered().await;
    Ok(registered)
}

async fn verify(server: &Server, id: &str, code: &str, username: &str) -> Result<(), Status> {
    let request = VerifyEmailRequest {
        verification_id: id.to_owned(),
        code: code.to_owned(),
        username: username.to_owned(),
    };
    soon("VerifyEmail", server.auth.clone().verify_email(request)).await.map(|_| ())
}

/// A user, from Register to VerifyEmail.
async fn user(server: &Server) -> User {
    let request = registration(false);
    let registered = register(server, request.clone()).await.unwrap();
    let code = logs::code(&request.username);
    verify(server, &registered.verification_id, &code, "").await.unwrap();
    registered.user.unwrap()
}
