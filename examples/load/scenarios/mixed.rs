//! Cheap calls while logins take all cores.

use std::{sync::Arc, time::Duration};

use countersign::pb::{
    GetJwksRequest, IntrospectTokenRequest, RefreshTokenRequest, Tokens,
    auth_service_client::AuthServiceClient, token_service_client::TokenServiceClient,
};
use futures_util::future::try_join_all;
use tokio::sync::Mutex;
use tonic::{Response, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::Plan;
use crate::{
    bare::most_lanes,
    client::{Answer, Callers, USERS, reason},
    load,
    report::Report,
    server::Server,
    tally::{Tally, percentiles},
};

/// Of each kind, a second.
const CHEAP_CALLS: f64 = 100.0;

const KINDS: [&str; 4] = ["health", "GetJwks", "IntrospectToken", "RefreshToken"];

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(plan.cost, &[]).await?;
    let callers = Callers::connect(&server, 4, None).await?;
    plan.say("mixed: cheap calls alone");
    let cheap = Cheap::connect(&server, &callers).await?;
    let idle = cheap.calls(plan.duration).await?;
    plan.say("mixed: cheap calls beside logins");
    let at_once = 2 * most_lanes()?;
    let busy = tokio::select! {
        all = cheap.calls(plan.duration) => all?,
        // Without an end of their own.
        _never = load::closed(&callers, at_once, usize::MAX) => anyhow::bail!("the logins ended"),
    };
    report.title(format!("Mixed: {CHEAP_CALLS}/s of each kind, p50, p99, worst"));
    for (kind, tally) in KINDS.iter().zip(&idle) {
        report.add(format!("{kind}, idle"), percentiles(&tally.done));
    }
    for (kind, tally) in KINDS.iter().zip(&busy) {
        let name = format!("{kind}, cores full of logins");
        report.aim(name, percentiles(&tally.done), "p99 < 5 ms");
        tally.report_refusals(report, |_| "none");
    }
    Ok(())
}

/// A connection for the cheap calls, and what they are made with.
struct Cheap {
    channel: Channel,
    access_token: String,
    /// The refresh token of each session: each works once, so the next refresh waits for the one before.
    sessions: Arc<[Mutex<String>]>,
}

impl Cheap {
    async fn connect(server: &Server, callers: &Callers) -> anyhow::Result<Self> {
        let channel = Callers::connect(server, 1, None).await?.connection(0);
        let logins: Vec<Tokens> = try_join_all((0..USERS).map(|user| callers.tokens(user))).await?;
        let access_token = logins.first().map(|first| first.access_token.clone());
        Ok(Self {
            channel,
            access_token: access_token.unwrap_or_default(),
            sessions: logins.into_iter().map(|tokens| Mutex::new(tokens.refresh_token)).collect(),
        })
    }

    /// Calls of each of [`KINDS`], side by side.
    async fn calls(&self, duration: Duration) -> anyhow::Result<[Tally; 4]> {
        let health = load::open(CHEAP_CALLS, duration, |_| {
            let mut client = HealthClient::new(self.channel.clone());
            async move { answer(client.check(HealthCheckRequest::default()).await) }
        });
        let jwks = load::open(CHEAP_CALLS, duration, |_| {
            let mut client = TokenServiceClient::new(self.channel.clone());
            async move { answer(client.get_jwks(GetJwksRequest {}).await) }
        });
        let introspect = load::open(CHEAP_CALLS, duration, |_| {
            let mut client = TokenServiceClient::new(self.channel.clone());
            let token = self.access_token.clone();
            async move { answer(client.introspect_token(IntrospectTokenRequest { token }).await) }
        });
        let refresh = load::open(CHEAP_CALLS, duration, |number| {
            let (channel, sessions) = (self.channel.clone(), Arc::clone(&self.sessions));
            async move { refresh(channel, &sessions[number % sessions.len()]).await }
        });
        let all = tokio::try_join!(health, jwks, introspect, refresh)?;
        Ok(all.into())
    }
}

async fn refresh(channel: Channel, session: &Mutex<String>) -> Answer {
    let mut token = session.lock().await;
    let request = RefreshTokenRequest { refresh_token: token.clone(), request_id: String::new() };
    let response = AuthServiceClient::new(channel).refresh_token(request).await;
    let next = response.as_ref().ok().and_then(|response| response.get_ref().tokens.as_ref());
    if let Some(next) = next {
        token.clone_from(&next.refresh_token);
    }
    answer(response)
}

fn answer<T>(result: Result<Response<T>, Status>) -> Answer {
    match result {
        Ok(_) => Answer::Done,
        Err(status) => Answer::Refused(reason(&status)),
    }
}
