//! Cheap calls while logins take all cores.

use std::time::Duration;

use countersign::pb::{GetJwksRequest, token_service_client::TokenServiceClient};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{Plan, capacity};
use crate::{
    bare::most_lanes,
    client::{Answer, Callers},
    load,
    report::Report,
    server::Server,
    tally::{Tally, percentiles},
};

/// Of each kind, a second.
const CHEAP_CALLS: f64 = 100.0;

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(plan.cost, &[]).await?;
    let callers = Callers::connect(&server, 4, None).await?;
    plan.say("mixed: cheap calls alone");
    let (health, jwks) = cheap_calls(&server, plan.duration).await?;
    report.title(format!("Mixed: {CHEAP_CALLS}/s of each kind, p50, p99, worst"));
    report.add("health, idle", percentiles(&health.done));
    report.add("GetJwks, idle", percentiles(&jwks.done));
    plan.say("mixed: cheap calls beside logins");
    // Twice what the cheap calls take, and ended with them.
    let peak = capacity(&callers, Duration::from_secs(1)).await?;
    let (at_once, logins) =
        (2 * most_lanes()?, super::count(2.0 * peak * plan.duration.as_secs_f64(), 1));
    let (health, jwks) = tokio::select! {
        both = cheap_calls(&server, plan.duration) => both?,
        _ended = load::closed(&callers, at_once, logins) => anyhow::bail!("too few logins"),
    };
    report.aim("health, cores full of logins", percentiles(&health.done), "p99 < 5 ms");
    report.aim("GetJwks, cores full of logins", percentiles(&jwks.done), "p99 < 5 ms");
    health.report_refusals(report, |_| "none");
    jwks.report_refusals(report, |_| "none");
    Ok(())
}

async fn cheap_calls(server: &Server, duration: Duration) -> anyhow::Result<(Tally, Tally)> {
    let channel = Callers::connect(server, 1, None).await?.connection(0);
    let health = load::open(CHEAP_CALLS, duration, |_| {
        let mut client = HealthClient::new(channel.clone());
        async move { answer(client.check(HealthCheckRequest::default()).await) }
    });
    let jwks = load::open(CHEAP_CALLS, duration, |_| {
        let mut client = TokenServiceClient::new(channel.clone());
        async move { answer(client.get_jwks(GetJwksRequest {}).await) }
    });
    tokio::try_join!(health, jwks)
}

fn answer<T>(result: Result<T, tonic::Status>) -> Answer {
    match result {
        Ok(_) => Answer::Done,
        Err(status) => Answer::Refused(format!("{:?}", status.code())),
    }
}
