//! FinishPasskeyLogin beside IntrospectToken: a signature, and a session that is committed.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use countersign::pb::{
    BeginPasskeyLoginRequest, BeginPasskeyRegistrationRequest, FinishPasskeyLoginRequest,
    FinishPasskeyRegistrationRequest, account_service_client::AccountServiceClient,
    auth_service_client::AuthServiceClient,
};
use futures_util::future::try_join_all;
use tonic::{Request, transport::Channel};

use super::{
    CALLERS,
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

/// The table.
pub(crate) async fn table(server: &Server, rounds: u32, time: Duration) -> anyhow::Result<Table> {
    let mut passkeys = Vec::new();
    for token in server.tokens() {
        passkeys.push(register(server.channel(), token).await?);
    }
    let mut table = Table::new("FinishPasskeyLogin/s", "IntrospectToken/s", 0.5);
    for _ in 0..rounds {
        for (callers, logins) in LOGINS {
            let other = server.rate(Call::Introspect, callers, time).await?;
            let ours = rate(server.channel(), &mut passkeys, callers, logins).await?;
            table.add(callers, other, ours);
        }
    }
    Ok(table)
}

async fn register(channel: Channel, token: &str) -> anyhow::Result<Passkey> {
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
    Ok(passkey)
}

/// Logins a second. Their answers are signed before the clock runs; those of one passkey stay in order.
async fn rate(
    channel: Channel,
    passkeys: &mut [Passkey],
    callers: usize,
    logins: usize,
) -> anyhow::Result<f64> {
    let mut answers: Vec<Vec<String>> = vec![Vec::new(); callers];
    let mut auth = AuthServiceClient::new(channel.clone());
    for _ in 0..logins {
        for (number, passkey) in passkeys.iter_mut().enumerate() {
            let asked = auth.begin_passkey_login(BeginPasskeyLoginRequest {}).await?.into_inner();
            answers[number % callers].push(passkey.get(&asked.request_options_json));
        }
    }
    let count = passkeys.len() * logins;
    let begun = Instant::now();
    let all = answers.into_iter().map(|own| {
        let mut auth = AuthServiceClient::new(channel.clone());
        tokio::spawn(async move {
            for credential_json in own {
                let login = FinishPasskeyLoginRequest { credential_json, ..Default::default() };
                let answer = auth.finish_passkey_login(login).await?.into_inner();
                answer.tokens.context("no tokens")?;
            }
            anyhow::Ok(())
        })
    });
    for ended in try_join_all(all).await? {
        ended?;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}
