//! The server, in this process, on SQLite; and callers that wait for each answer before they ask again.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use countersign::{
    app::{self, App, Environment},
    config::{Authorization, Config, Settings},
    domain::{Context, Grants, Scope},
    pb::{
        GetJwksRequest, IntrospectTokenRequest, IssueServiceTokenRequest, LoginRequest,
        RefreshTokenRequest, RegisterRequest, Tokens, auth_service_client::AuthServiceClient,
        issue_service_token_request::Proof, login_response,
        token_service_client::TokenServiceClient,
    },
    service::{AccountRequest, Clock, KeyRequest},
    token::MasterKey,
};
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioExecutor};
use tonic::transport::{Channel, server::TcpIncoming};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use uuid::Uuid;

use super::checks::{Checks, RULES};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Each caller has its own token, whose session and user the store has to look up.
const TOKENS: usize = 64;

/// What is called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    /// grpc.health.v1.Health/Check of a tonic server that has nothing else, in this process: a look into a map.
    Bare,
    /// The same of our server: its layers are around it.
    Health,
    /// auth.v1.TokenService/GetJwks.
    Jwks,
    /// auth.v1.TokenService/IntrospectToken with an active token that was shown before.
    Introspect,
    /// The same as JSON, over HTTP/1.1: a connection a caller.
    IntrospectJson,
    /// auth.v1.TokenService/IssueServiceToken by a key.
    Issue,
    /// envoy.service.auth.v3.Authorization/Check, of a browser's request with an active token that was shown before.
    Check,
}

/// A server and a connection to it.
pub(crate) struct Server {
    bare: Channel,
    channel: Channel,
    /// Of HTTP.
    web: String,
    tokens: Arc<[String]>,
    /// Of the sessions of the tokens.
    refresh_tokens: Vec<String>,
    /// The key of a service account.
    key: String,
    /// The database.
    pub(crate) url: String,
}

impl Server {
    /// Starts it, and logs users in.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let url = format!("sqlite://{}/countersign.db", folder.display());
        let config = config(folder, &url, 10)?;
        let (channel, web) = serve(&config).await?;
        let key = service_key(&config).await?;
        let log_ins = (0..TOKENS).map(|number| log_in(channel.clone(), number));
        let tokens = try_join_all(log_ins).await?.into_iter();
        let (tokens, refresh_tokens): (Vec<_>, Vec<_>) =
            tokens.map(|tokens| (tokens.access_token, tokens.refresh_token)).unzip();
        let (bare, tokens) = (bare().await?, tokens.into());
        Ok(Self { bare, channel, web, tokens, refresh_tokens, key, url })
    }

    /// IntrospectToken a second, with that many callers, each token for the first time.
    pub(crate) async fn rate_of_new_tokens(&mut self, callers: usize) -> anyhow::Result<f64> {
        let count = if callers == 1 { 1000 } else { 4000 };
        let tokens = self.new_tokens(count).await?;
        let begun = Instant::now();
        let all = tokens.chunks(count.div_ceil(callers)).map(|own| {
            let (own, mut client) = (own.to_vec(), TokenServiceClient::new(self.channel.clone()));
            tokio::spawn(async move {
                for token in own {
                    introspect(&mut client, token).await?;
                }
                anyhow::Ok(())
            })
        });
        for ended in try_join_all(all).await? {
            ended?;
        }
        Ok(count as f64 / begun.elapsed().as_secs_f64())
    }

    /// Tokens that no one has shown.
    async fn new_tokens(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let each = count.div_ceil(self.refresh_tokens.len());
        let all = self.refresh_tokens.drain(..).map(|mut refresh_token| {
            let mut auth = AuthServiceClient::new(self.channel.clone());
            tokio::spawn(async move {
                let mut issued = Vec::new();
                for _ in 0..each {
                    let request = RefreshTokenRequest { refresh_token, ..Default::default() };
                    let answer = auth.refresh_token(request).await?.into_inner();
                    let tokens = answer.tokens.context("no tokens")?;
                    refresh_token = tokens.refresh_token;
                    issued.push(tokens.access_token);
                }
                anyhow::Ok((issued, refresh_token))
            })
        });
        let mut tokens = Vec::new();
        for ended in try_join_all(all.collect::<Vec<_>>()).await? {
            let (issued, refresh_token) = ended?;
            tokens.extend(issued);
            self.refresh_tokens.push(refresh_token);
        }
        tokens.truncate(count);
        Ok(tokens)
    }

    /// The connection to gRPC.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A token of each user.
    pub(crate) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// What asks for one of the users, of that number.
    pub(crate) fn checks(&self, number: usize) -> Checks {
        Checks::new(self.channel.clone(), &self.tokens[number % self.tokens.len()])
    }

    /// Logs one of the users in.
    pub(crate) async fn log_in(&self, number: usize) -> anyhow::Result<()> {
        log_in_again(self.channel.clone(), number % TOKENS).await.map(drop)
    }

    /// Calls a second, with that many callers.
    pub(crate) async fn rate(
        &self,
        call: Call,
        callers: usize,
        time: Duration,
    ) -> anyhow::Result<f64> {
        // What opens a connection with the first call.
        let web = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let begun = Instant::now();
        let all = (0..callers).map(|number| {
            let token = self.tokens[number % self.tokens.len()].clone();
            let caller = Caller {
                bare: HealthClient::new(self.bare.clone()),
                health: HealthClient::new(self.channel.clone()),
                tokens: TokenServiceClient::new(self.channel.clone()),
                web: web.clone(),
                introspect_url: format!("http://{}/v1/tokens:introspect", self.web),
                checks: Checks::new(self.channel.clone(), &token),
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
    bare: HealthClient<Channel>,
    health: HealthClient<Channel>,
    tokens: TokenServiceClient<Channel>,
    web: WebClient,
    introspect_url: String,
    checks: Checks,
    token: String,
    key: String,
}

type WebClient = hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>;

impl Caller {
    /// Calls until then, and says how often.
    async fn run(mut self, call: Call, until: Instant) -> anyhow::Result<u32> {
        let mut calls = 0;
        while Instant::now() < until {
            match call {
                Call::Bare => drop(self.bare.check(HealthCheckRequest::default()).await?),
                Call::Health => drop(self.health.check(HealthCheckRequest::default()).await?),
                Call::Jwks => drop(self.tokens.get_jwks(GetJwksRequest {}).await?),
                Call::Introspect => introspect(&mut self.tokens, self.token.clone()).await?,
                Call::Check => self.checks.check().await?,
                Call::IntrospectJson => self.introspect_json().await?,
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

impl Caller {
    async fn introspect_json(&self) -> anyhow::Result<()> {
        let body = serde_json::json!({ "token": self.token }).to_string();
        let request = hyper::Request::post(&self.introspect_url)
            .header("content-type", "application/json")
            .body(Full::from(body))?;
        let answer = self.web.request(request).await?.into_body().collect().await?.to_bytes();
        // As a client does with it.
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        anyhow::ensure!(answer["active"] == true, "the token is not active");
        Ok(())
    }
}

async fn introspect(client: &mut TokenServiceClient<Channel>, token: String) -> anyhow::Result<()> {
    let answer = client.introspect_token(IntrospectTokenRequest { token }).await?.into_inner();
    anyhow::ensure!(answer.active, "the token is not active");
    Ok(())
}

/// A tonic server with nothing but health, and none of our layers.
async fn bare() -> anyhow::Result<Channel> {
    let (_, health) = tonic_health::server::health_reporter();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_service(health);
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(Channel::from_shared(address)?.connect().await?)
}

/// Starts a server on the database that `url` names, with that cost of a hash, and connects to it. Its master key is in
/// `folder`.
pub(crate) async fn start(folder: &Path, url: &str, cost: u32) -> anyhow::Result<Channel> {
    Ok(serve(&config(folder, url, cost)?).await?.0)
}

/// A connection to gRPC, and the address of HTTP.
async fn serve(config: &Config) -> anyhow::Result<(Channel, String)> {
    let app = App::bind(config, Environment::default()).await?;
    let address = format!("http://{}", app.grpc_addr());
    let web = app.http_addr().to_string();
    tokio::spawn(app.serve(std::future::pending()));
    Ok((Channel::from_shared(address)?.connect().await?, web))
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
        "--address-rate=0",
        "--webauthn-rp-id=example.org",
        "--sessions-per-user=1000",
        "--delivery=log",
        "--issuer=http://localhost:8080",
        &key,
    ]);
    let mut config = Config::parse(&Settings::from_flags(&flags))?;
    // No operator may set it so low.
    config.password.cost = cost;
    let rules = folder.join("rules.json");
    std::fs::write(&rules, RULES)?;
    let max_age = Duration::from_secs(5);
    let authorization = Authorization { rules, cookie: None, max_age, allows_behind: false };
    config.authorization = Some(authorization);
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
    log_in_as(&mut auth, username).await
}

/// Such a user, once more.
async fn log_in_again(channel: Channel, number: usize) -> anyhow::Result<Tokens> {
    log_in_as(&mut AuthServiceClient::new(channel), format!("user-{number}")).await
}

async fn log_in_as(
    auth: &mut AuthServiceClient<Channel>,
    username: String,
) -> anyhow::Result<Tokens> {
    let password = PASSWORD.to_owned();
    let login = LoginRequest { username, password, ..LoginRequest::default() };
    match auth.login(login).await?.into_inner().result.context("no result")? {
        login_response::Result::Tokens(tokens) => Ok(tokens),
        login_response::Result::Challenge(_) => anyhow::bail!("a second factor"),
    }
}
