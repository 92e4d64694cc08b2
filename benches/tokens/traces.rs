//! IntrospectToken with and without traces: two servers, each a process of its own, since the tracer is the process's. One
//! exports a tenth of its calls to a collector in this process, which reads the requests and throws them away.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use countersign::{
    pb::{IntrospectTokenRequest, token_service_client::TokenServiceClient},
    token::MasterKey,
};
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tonic::transport::Channel;

use crate::{CALLERS, server::log_in, table::Table};

/// Measures both in turns.
pub(crate) async fn table(folder: &Path, rounds: u32, time: Duration) -> anyhow::Result<Table> {
    let collector = collector().await?;
    let plain = Server::start(folder, "plain", &[]).await?;
    let traced = Server::start(
        folder,
        "traced",
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
        ],
    )
    .await?;
    let mut table = Table::new("10 % traced/s", "without/s", 0.97);
    for round in 0..rounds {
        for callers in CALLERS {
            // Who is first has a warmer machine, or a colder one.
            let (without, with) = if round % 2 == 0 {
                let without = plain.rate(callers, time).await?;
                (without, traced.rate(callers, time).await?)
            } else {
                let with = traced.rate(callers, time).await?;
                (plain.rate(callers, time).await?, with)
            };
            table.add(callers, without, with);
        }
    }
    Ok(table)
}

/// A server that logs nothing of calls, and a user's token.
struct Server {
    process: Child,
    channel: Channel,
    token: String,
}

impl Server {
    async fn start(folder: &Path, name: &str, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command
            .args(["serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--log=warn"])
            .env("DATABASE_URL", format!("sqlite://{}/{name}.db", folder.display()))
            .env("COUNTERSIGN_MASTER_KEY", MasterKey::generate_text().as_str())
            .env("COUNTERSIGN_ADDRESS_RATE", "0")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn()?;
        let banner = BufReader::new(process.stdout.take().context("no output")?).lines();
        let mut places = banner.map_while(Result::ok);
        let grpc =
            places.find_map(|line| Some(line.trim().strip_prefix("gRPC")?.trim().to_owned()));
        let address = format!("http://{}", grpc.context("no banner")?);
        let channel = Channel::from_shared(address)?.connect().await?;
        let token = log_in(channel.clone(), 0).await?.access_token;
        Ok(Self { process, channel, token })
    }

    /// Calls a second, with that many callers.
    async fn rate(&self, callers: usize, time: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let all = (0..callers).map(|_| {
            let mut client = TokenServiceClient::new(self.channel.clone());
            let token = self.token.clone();
            tokio::spawn(async move {
                let mut calls = 0;
                while begun.elapsed() < time {
                    let request = IntrospectTokenRequest { token: token.clone() };
                    let answer = client.introspect_token(request).await?.into_inner();
                    anyhow::ensure!(answer.active, "the token is not active");
                    calls += 1;
                }
                Ok(calls)
            })
        });
        let mut calls = 0;
        for counted in try_join_all(all).await? {
            calls += counted?;
        }
        Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Takes OTLP over HTTP. Returns its URL.
async fn collector() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let take = service_fn(|request: Request<hyper::body::Incoming>| async {
        request.into_body().collect().await?;
        Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::default()))
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), take);
            tokio::spawn(async { drop(connection.await) });
        }
    });
    Ok(url)
}
