//! What a mailbox can prove: that an address is the user's, and that they may set a new password.

mod limits;
mod register;
mod reset_password;
mod reset_races;
mod secrets;
mod strangers;
mod two_factor;
mod verify_email;

use std::time::Duration;

use countersign::pb::{
    RequestPasswordResetRequest, RequestPasswordResetResponse, ResendEmailVerificationRequest,
    ResetPasswordRequest, User, VerifyEmailRequest,
};
use tonic::Status;

use crate::harness::{Server, logs, soon};

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
        recovery_code: String::new(),
    };
    soon("ResetPassword", server.auth.clone().reset_password(request)).await.map(|_| ())
}

pub async fn verify_email(server: &Server, id: &str, code: &str) -> Result<(), Status> {
    let (verification_id, code) = (id.to_owned(), code.to_owned());
    let request = VerifyEmailRequest { verification_id, code };
    soon("VerifyEmail", server.auth.clone().verify_email(request)).await.map(|_| ())
}

async fn resend_verification(server: &Server, email: &str) -> Result<String, Status> {
    let request = ResendEmailVerificationRequest { email: email.to_owned() };
    let response = soon("a code", server.auth.clone().resend_email_verification(request)).await?;
    server.delivered().await;
    Ok(response.into_inner().verification_id)
}

/// A reset that was asked for, and its code.
pub async fn open_reset(server: &Server, user: &User) -> (String, String) {
    let id = request_reset(server, &user.email).await.unwrap();
    (id, logs::code(&user.username))
}

/// A verification that was asked for, and its code.
pub async fn open_verification(server: &Server, user: &User) -> (String, String) {
    let id = resend_verification(server, &user.email).await.unwrap();
    (id, logs::code(&user.username))
}
