//! Clocks that are wrong, and are set right: what they have written holds nobody longer than the rules do (ADR 23).

mod apart;
mod set_right;

use std::time::Duration;

use countersign::{
    domain::Timestamp,
    pb::{LoginRequest, LoginResponse},
};
use tonic::{Request, Status};

use crate::{
    harness::{Backend, Server, eventually, soon},
    http,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

const WRONG: &str = "not the password";

/// Waits for the rounds that a server begins with: the janitor's, and the signing keys'. A test moves the clock after them.
pub async fn settled(server: Server) -> Server {
    eventually("the first rounds", async || {
        let (_, figures) = http::get(server.http, "/metrics").await;
        let made = |operation: &str, times: u32| {
            let count = format!("count{{operation=\"{operation}\",result=\"ok\"}} ");
            let mut counts = figures.lines().filter_map(|line| line.split_once(&count));
            counts.any(|(_, made)| made.parse::<u32>().unwrap() >= times)
        };
        // Each kind of row once; the keys at the start, and by both rounds.
        made("ended_remove", 12) && made("signing_keys", 5)
    })
    .await;
    server
}

/// Fails until the next password has to wait for a minute.
async fn burn(server: &Server, username: &str) {
    for delay in [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32] {
        server.clock.advance(delay * SECOND);
        server.login(username, WRONG).await.unwrap_err();
    }
}

/// A time as SQL.
pub fn time(backend: Backend, time: Timestamp) -> String {
    match backend {
        Backend::Sqlite => time.unix_micros().to_string(),
        Backend::Postgres => format!("to_timestamp({})", time.unix_seconds()),
    }
}

/// A login of somebody at that address, on that device.
async fn login_from(
    server: &Server,
    address: &str,
    device_token: &str,
    username: &str,
    password: &str,
) -> Result<LoginResponse, Status> {
    let mut request = Request::new(LoginRequest {
        username: username.into(),
        password: password.into(),
        device_token: device_token.into(),
        ..LoginRequest::default()
    });
    request.metadata_mut().insert("x-forwarded-for", address.parse().unwrap());
    Ok(soon("Login", server.auth.clone().login(request)).await?.into_inner())
}
