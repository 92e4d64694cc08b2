//! How often one may try: the limits of accounts, devices and addresses.

mod addresses;
mod codes;
mod confirmations;
mod devices;
mod owners;
mod passwords;
mod renewal;
mod sources;

use std::time::Duration;

use countersign::pb::{
    LoginRequest, LoginResponse, Tokens, auth_service_client::AuthServiceClient,
    login_response::Result as Outcome,
};
use tonic::{Request, Status, transport::Channel};

use crate::harness::{server::PASSWORD, soon};

const WRONG: &str = "not the password";

const SECOND: Duration = Duration::from_secs(1);

/// A login as it may come from anywhere.
#[derive(Debug, Clone, Default)]
struct Origin<'a> {
    device_token: &'a str,
    forwarded_for: &'a str,
}

async fn login(
    auth: &AuthServiceClient<Channel>,
    username: &str,
    password: &str,
    origin: Origin<'_>,
) -> Result<LoginResponse, Status> {
    let mut request = Request::new(LoginRequest {
        username: username.into(),
        password: password.into(),
        device_token: origin.device_token.into(),
        ..LoginRequest::default()
    });
    if !origin.forwarded_for.is_empty() {
        request.metadata_mut().insert("x-forwarded-for", origin.forwarded_for.parse().unwrap());
    }
    Ok(soon("Login", auth.clone().login(request)).await?.into_inner())
}

/// A request that a trusted proxy forwards for that address.
fn from<T>(address: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-forwarded-for", address.parse().unwrap());
    request
}

/// The tokens of a login that must succeed.
async fn tokens(auth: &AuthServiceClient<Channel>, username: &str, origin: Origin<'_>) -> Tokens {
    match login(auth, username, PASSWORD, origin).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => tokens,
        other => panic!("no tokens: {other:?}"),
    }
}
