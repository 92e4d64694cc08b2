//! FinishPasskeyLogin beside a bare program that commits the same rows, and beside IntrospectToken, which answers from memory.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use countersign::pb::{
    BeginPasskeyLoginRequest, BeginPasskeyRegistrationRequest, FinishPasskeyLoginRequest,
    FinishPasskeyRegistrationRequest, account_service_client::AccountServiceClient,
    auth_service_client::AuthServiceClient,
};
use tonic::{Request, transport::Channel};

use super::{
    CALLERS, bare,
    bare_logins::Logins,
    server::{Call, PASSWORD, Server},
    table::Table,
};

#[allow(
    dead_code,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "the tests use more of it, and panic where they fail"
)]
#[path = "../../tests/it/harness/passkey.rs"]
mod passkey;

use passkey::Passkey;

/// How many logins each passkey makes in a round, by the number of callers.
const LOGINS: [(usize, usize); 3] = [(CALLERS[0], 2), (CALLERS[1], 8), (CALLERS[2], 24)];

/// A user's passkey, and the browser that has logged in with it before.
struct Device {
    passkey: Passkey,
    token: String,
}

/// The tables. The bare program's database is in `folder`.
pub(crate) async fn tables(
    server: &Server,
    folder: &Path,
    rounds: u32,
    time: Duration,
) -> anyhow::Result<[Table; 2]> {
    let mut devices = Vec::new();
    for token in server.tokens() {
        devices.push(register(server.channel(), token).await?);
    }
    let bare = Logins::start(&folder.join("countersign.db"), &folder.join("bare.db")).await?;
    let mut beside_bare = Table::new("FinishPasskeyLogin/s", "bare/s", 0.5);
    let mut beside_introspect = Table::new("FinishPasskeyLogin/s", "IntrospectToken/s", 0.5);
    for _ in 0..rounds {
        for (callers, logins) in LOGINS {
            let bare = bare.rate(callers, time).await?;
            let ours = rate(server.channel(), &mut devices, callers, logins).await?;
            beside_bare.add(callers, bare, ours);
            let introspect = server.rate(Call::Introspect, callers, time).await?;
            beside_introspect.add(callers, introspect, ours);
        }
    }
    Ok([beside_bare, beside_introspect])
}

async fn register(channel: Channel, token: &str) -> anyhow::Result<Device> {
    let mut auth = AuthServiceClient::new(channel.clone());
    let mut account = AccountServiceClient::with_interceptor(channel, |mut request: Request<()>| {
        let bearer = format!("Bearer {token}").parse();
        let bearer = bearer.map_err(|_bad| tonic::Status::internal("no header"))?;
        request.metadata_mut().insert("authorization", bearer);
        Ok(request)
    });
    let begin =
        BeginPasskeyRegistrationRequest { password: PASSWORD.to_owned(), ..Default::default() };
    let options = account.begin_passkey_registration(begin).await?.into_inner();
    let mut passkey = Passkey::new();
    let credential_json = passkey.create(&options.creation_options_json);
    let name = "bench".to_owned();
    let finish = FinishPasskeyRegistrationRequest { credential_json, name, ..Default::default() };
    account.finish_passkey_registration(finish).await?;
    let credential_json = answer(&mut auth, &mut passkey).await?;
    let token = finish_login(&mut auth, credential_json, String::new()).await?;
    Ok(Device { passkey, token })
}

/// The answer to the options of a login.
async fn answer(
    auth: &mut AuthServiceClient<Channel>,
    passkey: &mut Passkey,
) -> anyhow::Result<String> {
    let options = auth.begin_passkey_login(BeginPasskeyLoginRequest {}).await?.into_inner();
    Ok(passkey.get(&options.request_options_json))
}

/// Logs in, and gives the device token.
async fn finish_login(
    auth: &mut AuthServiceClient<Channel>,
    credential_json: String,
    device_token: String,
) -> anyhow::Result<String> {
    let login = FinishPasskeyLoginRequest { credential_json, device_token, ..Default::default() };
    let answer = auth.finish_passkey_login(login).await?.into_inner();
    Ok(answer.tokens.context("no tokens")?.device_token)
}

/// Logins a second. Their answers are signed before the clock runs; those of one passkey stay in order.
async fn rate(
    channel: Channel,
    devices: &mut [Device],
    callers: usize,
    logins: usize,
) -> anyhow::Result<f64> {
    let mut answers: Vec<Vec<(String, String)>> = vec![Vec::new(); callers];
    let mut auth = AuthServiceClient::new(channel.clone());
    for _ in 0..logins {
        for (number, device) in devices.iter_mut().enumerate() {
            let credential_json = answer(&mut auth, &mut device.passkey).await?;
            answers[number % callers].push((credential_json, device.token.clone()));
        }
    }
    bare::rate(answers.into_iter().map(|own| {
        let mut auth = AuthServiceClient::new(channel.clone());
        async move {
            let mut calls = 0;
            for (credential_json, device_token) in own {
                finish_login(&mut auth, credential_json, device_token).await?;
                calls += 1;
            }
            Ok(calls)
        }
    }))
    .await
}
