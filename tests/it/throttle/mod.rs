//! How often one may try: the limits of accounts, devices and addresses.

mod addresses;
mod codes;
mod confirmations;
mod devices;
mod passwords;
mod renewal;

use std::time::Duration;

use countersign::pb::{
    LoginRequest, LoginResponse, Tokens, auth_service_client::AuthServiceClient,
    login_response::Result as Outcome,
};
use tonic::{Request, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::harness::{reason, server::PASSWORD, soon};

const WRONG: &str = "not the password";

/// A login as it may come from anywhere.
#[derive(Debug, Clone, Default)]
struct From<'a> {
    device_token: &'a str,
    forwarded_for: &'a str,
}

async fn login(
    auth: &AuthServiceClient<Channel>,
    username: &str,
    password: &str,
    from: From<'_>,
) -> Result<LoginResponse, Status> {
    let mut request = Request::new(LoginRequest {
        username: username.into(),
        password: password.into(),
        device_token: from.device_token.into(),
        ..LoginRequest::default()
    });
    if !from.forwarded_for.is_empty() {
        request.metadata_mut().insert("x-forwarded-for", from.forwarded_for.parse().unwrap());
    }
    Ok(soon("Login", auth.clone().login(request)).await?.into_inner())
}

/// The tokens of a login that must succeed.
async fn tokens(auth: &AuthServiceClient<Channel>, username: &str, from: From<'_>) -> Tokens {
    match login(auth, username, PASSWORD, from).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => tokens,
        other => panic!("no tokens: {other:?}"),
    }
}

/// How long a refusal says to wait, in seconds; it must be THROTTLED.
fn wait<T: std::fmt::Debug>(answer: Result<T, Status>) -> u64 {
    let refused = answer.unwrap_err();
    assert_eq!(reason(&refused), "THROTTLED");
    let wait = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(wait, Duration::from_secs(wait.as_secs()), "the clock stands still");
    wait.as_secs()
}

fn reason_of<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    reason(&answer.unwrap_err())
}
