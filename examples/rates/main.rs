//! Calls servers that run already, in turns, and prints how many calls a second each answers, and the time of the processor
//! that a call takes there.
//!
//! For `scripts/measure A B`, which starts two builds side by side and makes a table of this. Callers wait for each answer
//! before they ask again. Every line is JSON: the call, the round, the server by its place in the command line, calls a
//! second (`rate`), microseconds of processor a call (`cpu`). In turns (A B, B A, …), a fraction of a second each, so that
//! other work on the machine meets both alike; it slows calls down, and adds less to their time of the processor.

#![expect(clippy::print_stdout, reason = "printing figures is what this is for")]

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use countersign::pb::{
    IntrospectTokenRequest, LoginRequest, RefreshTokenRequest, RegisterRequest, Tokens,
    auth_service_client::AuthServiceClient, login_response::Result as Outcome,
    token_service_client::TokenServiceClient,
};
use futures_util::future::try_join_all;
use tonic::transport::Channel;

const PASSWORD: &str = "correct horse battery";

/// How many calls are under way at a time, each with a user and a session of its own. More than the lanes of two cores.
const CALLERS: usize = 16;

#[derive(Debug, Parser)]
struct Arguments {
    /// Addresses of gRPC, each with the id of the server's process: 127.0.0.1:50051=4711
    #[arg(required = true)]
    servers: Vec<String>,
    /// How often each server is measured
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Milliseconds for which each server is called in a round
    #[arg(long, default_value_t = 500)]
    milliseconds: u64,
}

/// What is called.
#[derive(Debug, Clone, Copy)]
enum Call {
    Login,
    RefreshToken,
    IntrospectToken,
}

/// A server, and those who call it.
struct Server {
    process: u32,
    callers: Vec<Caller>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut servers = Vec::new();
    for server in &arguments.servers {
        servers.push(Server::connect(server).await.with_context(|| server.clone())?);
    }
    let time = Duration::from_millis(arguments.milliseconds);
    for round in 0..arguments.rounds {
        for call in [Call::Login, Call::RefreshToken, Call::IntrospectToken] {
            for server in turns(round, servers.len()) {
                let (rate, cpu) = servers[server].measure(call, time).await?;
                let call = format!("{call:?}");
                let figures = serde_json::json!({"call": call, "round": round, "server": server, "rate": rate, "cpu": cpu});
                println!("{figures}");
            }
        }
    }
    Ok(())
}

/// The servers of a round: those of every other one in the opposite order.
fn turns(round: usize, servers: usize) -> Vec<usize> {
    let order = 0..servers;
    if round.is_multiple_of(2) { order.collect() } else { order.rev().collect() }
}

impl Server {
    /// Connects, and registers the callers' users.
    async fn connect(server: &str) -> anyhow::Result<Self> {
        let (address, process) = server.split_once('=').context("no process")?;
        let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
        let callers = (0..CALLERS).map(|number| Caller::register(channel.clone(), number));
        Ok(Self { process: process.parse()?, callers: try_join_all(callers).await? })
    }

    /// Calls a second, of all callers together, and microseconds of processor for each.
    async fn measure(&mut self, call: Call, time: Duration) -> anyhow::Result<(f64, f64)> {
        let (begun, busy) = (Instant::now(), processor_time(self.process)?);
        let callers = self.callers.drain(..);
        let running: Vec<_> =
            callers.map(|caller| tokio::spawn(caller.run(call, begun + time))).collect();
        let mut calls = 0;
        for ended in try_join_all(running).await? {
            let (caller, counted) = ended?;
            self.callers.push(caller);
            calls += counted;
        }
        let busy = processor_time(self.process)? - busy;
        anyhow::ensure!(calls > 0, "no call began in time");
        let calls = f64::from(calls);
        Ok((calls / begun.elapsed().as_secs_f64(), busy * 1e6 / calls))
    }
}

/// Seconds that a process has spent on the processor, in all its threads, to a hundredth: proc_pid_stat(5), `utime` and
/// `stime`.
fn processor_time(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no name")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

/// Two users: one that logs in again and again, and one whose session is refreshed.
struct Caller {
    auth: AuthServiceClient<Channel>,
    tokens: TokenServiceClient<Channel>,
    username: String,
    session: Tokens,
}

impl Caller {
    async fn register(channel: Channel, number: usize) -> anyhow::Result<Self> {
        let mut auth = AuthServiceClient::new(channel.clone());
        let (username, other) = (format!("login-{number}"), format!("session-{number}"));
        for username in [&username, &other] {
            let request = RegisterRequest {
                username: username.clone(),
                email: format!("{username}@example.com"),
                password: PASSWORD.to_owned(),
                ..RegisterRequest::default()
            };
            auth.register(request).await?;
        }
        let session = log_in(&mut auth, &other).await?;
        Ok(Self { auth, tokens: TokenServiceClient::new(channel), username, session })
    }

    /// Calls until then. Returns itself, with how often.
    async fn run(mut self, call: Call, until: Instant) -> anyhow::Result<(Self, u32)> {
        let mut calls = 0;
        while Instant::now() < until {
            match call {
                Call::Login => drop(log_in(&mut self.auth, &self.username).await?),
                Call::RefreshToken => self.refresh().await?,
                Call::IntrospectToken => self.introspect().await?,
            }
            calls += 1;
        }
        Ok((self, calls))
    }

    async fn refresh(&mut self) -> anyhow::Result<()> {
        let refresh_token = self.session.refresh_token.clone();
        let request = RefreshTokenRequest { refresh_token, ..RefreshTokenRequest::default() };
        let answer = self.auth.refresh_token(request).await?.into_inner();
        self.session = answer.tokens.context("no tokens")?;
        Ok(())
    }

    async fn introspect(&mut self) -> anyhow::Result<()> {
        let request = IntrospectTokenRequest { token: self.session.access_token.clone() };
        let answer = self.tokens.introspect_token(request).await?.into_inner();
        anyhow::ensure!(answer.active, "the token is not active");
        Ok(())
    }
}

async fn log_in(auth: &mut AuthServiceClient<Channel>, username: &str) -> anyhow::Result<Tokens> {
    let (username, password) = (username.to_owned(), PASSWORD.to_owned());
    let request = LoginRequest { username, password, ..LoginRequest::default() };
    match auth.login(request).await?.into_inner().result {
        Some(Outcome::Tokens(tokens)) => Ok(tokens),
        _ => anyhow::bail!("a login gave no tokens"),
    }
}
