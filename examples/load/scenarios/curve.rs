//! Throughput and latency over the offered load: IntrospectToken beside an empty RPC of tonic alone.

use std::time::{Duration, Instant};

use countersign::pb::{IntrospectTokenRequest, token_service_client::TokenServiceClient};
use futures_util::future::try_join_all;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::Plan;
use crate::{
    client::{Answer, Callers, USERS, reason},
    load,
    report::Report,
    server::Server,
    tally::percentiles,
};

/// The steps of the offered load, by the rate of the empty RPC at its limit.
const STEPS: [f64; 9] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

/// Callers that find out that limit.
const CALLERS: usize = 64;

const CONNECTIONS: usize = 4;

/// A call whose rate falls below this share of what is offered has no more to give.
const KEEPS_UP: f64 = 0.9;

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let (bare, server) = (Server::empty()?, Server::start(plan.cost, &[]).await?);
    let empty = Target { channels: channels(&bare).await?, tokens: None };
    let ours = Target { channels: channels(&server).await?, tokens: Some(tokens(&server).await?) };
    plan.say("curve: the limit of the empty RPC");
    let limit = empty.limit(plan.duration / 5).await?;
    report.title("Curve: open loop, p50, p99, worst");
    report.add("the empty RPC at its limit, calls/s", format!("{limit:.0}"));
    plan.say("curve: step by step, in turns");
    let mut sides = vec![("empty RPC", empty), ("IntrospectToken", ours)];
    for step in STEPS {
        let mut left = Vec::new();
        for (name, target) in sides {
            let keeps_up = target.offer(name, step * limit, plan, report).await?;
            left.extend(keeps_up.then_some((name, target)));
        }
        sides = left;
    }
    Ok(())
}

/// What is called: IntrospectToken with each of some tokens, or without tokens the empty RPC.
struct Target {
    channels: Vec<Channel>,
    tokens: Option<Vec<String>>,
}

impl Target {
    async fn call(channel: Channel, token: Option<String>) -> Answer {
        let answer = match token {
            None => HealthClient::new(channel).check(HealthCheckRequest::default()).await.map(drop),
            Some(token) => {
                let request = IntrospectTokenRequest { token };
                TokenServiceClient::new(channel).introspect_token(request).await.map(drop)
            }
        };
        answer.map_or_else(|status| Answer::Refused(reason(&status)), |()| Answer::Done)
    }

    /// The call whose turn it is.
    fn turn(&self, number: usize) -> impl Future<Output = Answer> + Send + use<> {
        let channel = self.channels[number % self.channels.len()].clone();
        let token = self.tokens.as_ref().map(|tokens| tokens[number % tokens.len()].clone());
        Self::call(channel, token)
    }

    /// Calls a second of callers that wait for each answer.
    async fn limit(&self, time: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let callers = (0..CALLERS).map(|caller| async move {
            let mut calls = 0_u32;
            while begun.elapsed() < time {
                anyhow::ensure!(matches!(self.turn(caller).await, Answer::Done), "no answer");
                calls += 1;
            }
            Ok(calls)
        });
        let calls: u32 = try_join_all(callers).await?.into_iter().sum();
        Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
    }

    /// Offers so many calls a second, reports what came of them, and says whether it kept up.
    async fn offer(
        &self,
        name: &str,
        rate: f64,
        plan: &Plan,
        report: &mut Report,
    ) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let tally = load::open(rate, plan.duration / 5, |number| self.turn(number)).await?;
        let done = tally.rate(begun);
        report.add(
            format!("{name}, {rate:.0}/s offered, {done:.0}/s done"),
            percentiles(&tally.done),
        );
        tally.report_refusals(report, |_| "none");
        Ok(done >= KEEPS_UP * rate)
    }
}

async fn channels(server: &Server) -> anyhow::Result<Vec<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc))?;
    Ok(try_join_all((0..CONNECTIONS).map(|_| endpoint.connect())).await?)
}

/// Access tokens, each of a session of its own.
async fn tokens(server: &Server) -> anyhow::Result<Vec<String>> {
    let callers = Callers::connect(server, CONNECTIONS, None).await?;
    let log_ins = try_join_all((0..USERS).map(|number| callers.tokens(number))).await?;
    Ok(log_ins.into_iter().map(|tokens| tokens.access_token).collect())
}
