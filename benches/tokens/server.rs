//! The server, in this process, on SQLite; and callers that wait for each answer before they ask again.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use countersign::{
    app::{self, App, Environment},
    config::{Config, Settings},
    domain::{Context, Grants, Scope},
    pb::{
        IntrospectTokenRequest, IssueServiceTokenRequest, LoginRequest, RegisterRequest, Tokens,
        auth_service_client::AuthServiceClient, issue_service_token_request::Proof, login_response,
        token_service_client::TokenServiceClient,
    },
    service::{AccountRequest, Clock, KeyRequest},
    token::MasterKey,
};
use futures_util::future::try_join_all;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use uuid::Uuid;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Each caller has its own token, whose session and user the store has to look up.
const TOKENS: usize = 64;

/// What is called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    /// grpc.health.v1.Health/Check: a look into a map.
    Empty,
    /// auth.v1.TokenService/IntrospectToken with an active token.
    Introspect,
    /// auth.v1.TokenService/IssueServiceToken by a key.
    Issue,
}

/// A server and a connection to it.
pub(crate) struct Server {
    channel: Channel,
    tokens: Arc<[String]>,
    /// The key of a service account.
    key: String,
}

impl Server {
    /// Starts it, and logs users in.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let url = format!("sqlite://{}/countersign.db", folder.display());
        let config = config(folder, &url, 10)?;
        let channel = serve(&config).await?;
        let key = service_key(&config).await?;
        let log_ins = (0..TOKENS).map(|number| log_in(channel.clone(), number));
        let tokens = try_join_all(log_ins).await?;
        let tokens = tokens.into_iter().map(|tokens| tokens.access_token).collect();
        Ok(Self { channel, tokens, key })
    }

    /// Calls a second, with that many callers.
    pub(crate) async fn rate(
        &self,
        call: Call,
        callers: usize,
        time: Duration,
    ) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let all = (0..callers).map(|number| {
            let token = self.tokens[number % self.tokens.len()].clone();
            let caller = Caller {
                health: HealthClient::new(self.channel.clone()),
                tokens: TokenServiceClient::new(self.channel.clone()),
                token,
                key: self.key.clone(),
            };
            tokio::spawn(caller.run(call, begun + time))
        });
        let mut calls = 0;
        for counted in try_join_all(all).await? {
            calls += counted?;
        }
        Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
    }
}

struct Caller {
    health: HealthClient<Channel>,
    tokens: TokenServiceClient<Channel>,
    token: String,
    key: String,
}

impl Caller {
    /// Calls until then, and says how often.
    async fn run(mut self, call: Call, until: Instant) -> anyhow::Result<u32> {
        let mut calls = 0;
        while Instant::now() < until {
            match call {
                Call::Empty => {
                    self.health.check(HealthCheckRequest::default()).await?;
                }
                Call::Introspect => {
                    let request = IntrospectTokenRequest { token: self.token.clone() };
                    let answer = self.tokens.introspect_token(request).await?.into_inner();
                    anyhow::ensure!(answer.active, "the token is not active");
                }
                Call::Issue => {
                    let proof = Some(Proof::Key(self.key.clone()));
                    let request = IssueServiceTokenRequest { proof, ..Default::default() };
                    self.tokens.issue_service_token(request).await?;
                }
            }
            calls += 1;
        }
        Ok(calls)
    }
}

/// Starts a server on the database that `url` names, with that cost of a hash, and connects to it. Its master key is in
/// `folder`.
pub(crate) async fn start(folder: &Path, url: &str, cost: u32) -> anyhow::Result<Channel> {
    serve(&config(folder, url, cost)?).await
}

async fn serve(config: &Config) -> anyhow::Result<Channel> {
    let app = App::bind(config, Environment::default()).await?;
    let address = format!("http://{}", app.grpc_addr());
    tokio::spawn(app.serve(std::future::pending()));
    Ok(Channel::from_shared(address)?.connect().await?)
}

fn config(folder: &Path, url: &str, cost: u32) -> anyhow::Result<Config> {
    let database = format!("--database-url={url}");
    let key = folder.join("bench.key");
    std::fs::write(&key, MasterKey::generate_text().as_str())?;
    let key = format!("--master-key-file={}", key.display());
    let flags = clap::Command::new("tokens").args(Settings::arguments()).get_matches_from([
        "tokens",
        &database,
        "--grpc-addr=127.0.0.1:0",
        "--http-addr=127.0.0.1:0",
        "--bcrypt-cost=10",
        "--sessions-per-user=1000",
        "--delivery=log",
        "--issuer=http://localhost:8080",
        &key,
    ]);
    let mut config = Config::parse(&Settings::from_flags(&flags))?;
    // No operator may set it so low.
    config.password.cost = cost;
    Ok(config)
}

/// A key of a service account with a scope, as services have them.
async fn service_key(config: &Config) -> anyhow::Result<String> {
    let keeper = app::service_account_keeper(config, &Clock::system()).await?;
    let grants = Grants {
        scope: Scope::parse("orders.read orders.write").map_err(anyhow::Error::msg)?,
        ..Grants::default()
    };
    let context =
        Context::of_operator(Instant::now() + Duration::from_secs(60), Uuid::now_v7().into());
    let request = AccountRequest { name: "cart".into(), grants, ..AccountRequest::default() };
    let (_, key) = keeper.create(&context, request, Some(KeyRequest::default())).await?;
    Ok(key.context("no key")?.text.expose().to_owned())
}

/// A user of that number, logged in.
pub(crate) async fn log_in(channel: Channel, number: usize) -> anyhow::Result<Tokens> {
    let mut auth = AuthServiceClient::new(channel);
    let username = format!("user-{number}");
    auth.register(RegisterRequest {
        username: username.clone(),
        email: format!("{username}@example.com"),
        password: PASSWORD.to_owned(),
        ..RegisterRequest::default()
    })
    .await?;
    let password = PASSWORD.to_owned();
    let login = LoginRequest { username, password, ..LoginRequest::default() };
    match auth.login(login).await?.into_inner().result.context("no result")? {
        login_response::Result::Tokens(tokens) => Ok(tokens),
        login_response::Result::Challenge(_) => anyhow::bail!("a second factor"),
    }
}
