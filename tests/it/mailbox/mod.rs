//! What a mailbox can prove: that an address is the user's, and that they may set a new password.

mod limits;
mod register;
mod registrant;
mod reset_password;
mod reset_races;
mod secrets;
mod squatters;
mod squatters_races;
mod strangers;
mod two_factor;
mod verify_email;

use std::time::Duration;

use countersign::pb::{
    RegisterRequest, RegisterResponse, RequestPasswordResetRequest, RequestPasswordResetResponse,
    ResendEmailVerificationRequest, ResetPasswordRequest, SendEmailVerificationRequest, Tokens,
    User, VerifyEmailRequest,
};
use tonic::Status;

use crate::harness::{Backend, Server, logs, server::bearer, soon};

pub const NEW_PASSWORD: &str = "another long passphrase";

/// How long until another code can be sent.
pub const COOL_DOWN: Duration = Duration::from_secs(30);

async fn request_reset_from(
    server: &Server,
    email: &str,
    device_token: &str,
) -> Result<RequestPasswordResetResponse, Status> {
    let (email, device_token) = (email.to_owned(), device_token.to_owned());
    let request = RequestPasswordResetRequest { email, device_token };
    let response = soon("a reset", server.auth.clone().request_password_reset(request)).await?;
    server.delivered().await;
    Ok(response.into_inner())
}

pub async fn request_reset(server: &Server, email: &str) -> Result<String, Status> {
    Ok(request_reset_from(server, email, "").await?.reset_id)
}

pub async fn reset(
    server: &Server,
    reset_id: &str,
    code: &str,
    new_password: &str,
) -> Result<(), Status> {
    let request = ResetPasswordRequest {
        reset_id: reset_id.to_owned(),
        code: code.to_owned(),
        new_password: new_password.to_owned(),
        ..ResetPasswordRequest::default()
    };
    soon("ResetPassword", server.auth.clone().reset_password(request)).await.map(|_| ())
}

/// Ends an account whose address was never verified.
pub async fn end_account(server: &Server, reset_id: &str, code: &str) -> Result<(), Status> {
    let request = ResetPasswordRequest {
        reset_id: reset_id.to_owned(),
        code: code.to_owned(),
        end_unverified_account: true,
        ..ResetPasswordRequest::default()
    };
    soon("ResetPassword", server.auth.clone().reset_password(request)).await.map(|_| ())
}

pub async fn verify_email(server: &Server, id: &str, code: &str) -> Result<(), Status> {
    let (verification_id, code) = (id.to_owned(), code.to_owned());
    let request = VerifyEmailRequest { verification_id, code, ..VerifyEmailRequest::default() };
    soon("VerifyEmail", server.auth.clone().verify_email(request)).await.map(|_| ())
}

/// A server that verifies addresses.
async fn start(backend: Backend) -> Server {
    Server::start_with(backend, |config, _| config.policy.email_verification = true).await
}

/// Registers, and waits until the code has been sent, if there is one.
async fn register(server: &Server, request: RegisterRequest) -> Result<RegisterResponse, Status> {
    let registered = soon("Register", server.auth.clone().register(request)).await?.into_inner();
    server.delivered().await;
    Ok(registered)
}

pub async fn resend(server: &Server, id: &str) -> Result<String, Status> {
    resend_verification(server, id).await
}

async fn resend_verification(server: &Server, id: &str) -> Result<String, Status> {
    let verification_id = id.to_owned();
    let request = ResendEmailVerificationRequest {
        verification_id,
        ..ResendEmailVerificationRequest::default()
    };
    let response = soon("a code", server.auth.clone().resend_email_verification(request)).await?;
    server.delivered().await;
    Ok(response.into_inner().verification_id)
}

pub async fn send_verification(server: &Server, tokens: &Tokens) -> Result<String, Status> {
    let request = bearer(tokens, SendEmailVerificationRequest {});
    let response = soon("a code", server.account.clone().send_email_verification(request)).await?;
    server.delivered().await;
    Ok(response.into_inner().verification_id)
}

/// A reset that was asked for, and its code.
pub async fn open_reset(server: &Server, user: &User) -> (String, String) {
    let id = request_reset(server, &user.email).await.unwrap();
    (id, logs::code(&user.username))
}

/// A verification that the user has asked for in a session, and its code.
pub async fn open_verification(server: &Server, user: &User) -> (String, String) {
    let tokens = server.session(user).await;
    let id = send_verification(server, &tokens).await.unwrap();
    (id, logs::code(&user.username))
}
