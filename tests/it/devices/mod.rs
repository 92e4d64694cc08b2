//! Devices: what their owner is told of them, and which of them spare the second factor (ADR 54).

mod new_device;
mod trusted;
mod trusted_endings;
mod trusted_refusals;

use countersign::pb::{
    Challenge, ListTrustedDevicesRequest, LoginRequest, LoginResponse, RevokeTrustedDeviceRequest,
    Tokens, TrustedDevice, User, Verify2FaRequest, Verify2FaResponse,
    login_response::Result as Outcome, verify2_fa_request::Proof,
};
use tonic::Status;

use crate::harness::{
    Backend, Server, logs,
    server::{PASSWORD, bearer},
    soon,
};

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// A server that tells of new devices.
async fn telling(backend: Backend) -> Server {
    Server::start_with(backend, |config, _| config.policy.new_device_notice = true).await
}

/// A login with that device token.
async fn login_on(
    server: &Server,
    user: &User,
    password: &str,
    device_token: &str,
) -> Result<LoginResponse, Status> {
    let request = LoginRequest {
        username: user.username.clone(),
        password: password.to_owned(),
        device_token: device_token.to_owned(),
        device_name: "a <b>phone</b>".to_owned(),
        ..LoginRequest::default()
    };
    let answer = soon("Login", server.auth.clone().login(request)).await?.into_inner();
    server.delivered().await;
    Ok(answer)
}

/// The tokens of such a login, whose code goes to the mailbox if there is a second factor.
async fn tokens_on(server: &Server, user: &User, password: &str, device_token: &str) -> Tokens {
    match login_on(server, user, password, device_token).await.unwrap().result.unwrap() {
        Outcome::Tokens(tokens) => tokens,
        Outcome::Challenge(challenge) => {
            server.verify(&challenge, &logs::code(&user.username)).await.unwrap()
        }
    }
}

/// The tokens of a login on a device that nobody knows.
async fn tokens_anew(server: &Server, user: &User) -> Tokens {
    tokens_on(server, user, PASSWORD, "").await
}

/// How many events of a kind there are.
async fn recorded(server: &Server, kind: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM events WHERE kind = '{kind}'")).await
}

/// How often a user was told that.
async fn told(server: &Server, user: &User, what: &str) -> usize {
    server.delivered().await;
    logs::notices(&user.username).iter().filter(|notice| *notice == what).count()
}

/// A server where devices can be trusted for thirty days.
async fn trusting(backend: Backend) -> Server {
    Server::start_with(backend, |config, _| config.policy.trusted_device_ttl = 30 * DAY).await
}

/// The challenge of a login with that device token; `None` if there was none.
async fn asked_on(server: &Server, user: &User, password: &str, token: &str) -> Option<Challenge> {
    match login_on(server, user, password, token).await.unwrap().result.unwrap() {
        Outcome::Challenge(challenge) => Some(challenge),
        Outcome::Tokens(_) => None,
    }
}

/// Whether a login with that device token and the right password is asked for the second factor.
async fn is_asked(server: &Server, user: &User, device_token: &str) -> bool {
    asked_on(server, user, PASSWORD, device_token).await.is_some()
}

async fn verify_with_trust(
    server: &Server,
    challenge: &Challenge,
    proof: Proof,
) -> Result<Verify2FaResponse, Status> {
    let (challenge_id, proof) = (challenge.challenge_id.clone(), Some(proof));
    let request = Verify2FaRequest { challenge_id, proof, trust_device: true };
    Ok(soon("Verify2FA", server.auth.clone().verify2_fa(request)).await?.into_inner())
}

/// A login by a mailed code, which asks that the device be trusted. It is, if the answer says so.
async fn with_trust(server: &Server, user: &User, device_token: &str) -> Verify2FaResponse {
    let challenge = asked_on(server, user, PASSWORD, device_token).await.unwrap();
    let code = Proof::OtpCode(logs::code(&user.username));
    let answer = verify_with_trust(server, &challenge, code).await.unwrap();
    server.delivered().await;
    answer
}

/// The tokens of a login whose device is trusted from then on.
async fn trusted(server: &Server, user: &User) -> Tokens {
    let answer = with_trust(server, user, "").await;
    assert!(answer.trust_expire_time.is_some());
    answer.tokens.unwrap()
}

async fn list(server: &Server, tokens: &Tokens) -> Vec<TrustedDevice> {
    let request = bearer(tokens, ListTrustedDevicesRequest {});
    let listed = soon("a list", server.account.clone().list_trusted_devices(request)).await;
    listed.unwrap().into_inner().trusted_devices
}

async fn revoke(server: &Server, tokens: &Tokens, id: &str) -> Result<(), Status> {
    let request = bearer(tokens, RevokeTrustedDeviceRequest { id: id.to_owned() });
    soon("a revocation", server.account.clone().revoke_trusted_device(request)).await.map(|_| ())
}
