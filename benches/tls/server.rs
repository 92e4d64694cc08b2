//! A server, in this process, on SQLite; and callers that wait for each answer before they ask again.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use countersign::{
    app::{App, Environment},
    config::{Config, Settings},
    pb::{
        IntrospectTokenRequest, LoginRequest, RegisterRequest,
        auth_service_client::AuthServiceClient, login_response,
        token_service_client::TokenServiceClient,
    },
};
use futures_util::future::try_join_all;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, rustls::ClientConfig};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::certificate::Certificate;

const PASSWORD: &str = "correct horse battery";

/// A server and a connection to it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    channel: Channel,
    token: String,
}

impl Server {
    /// Starts it, with TLS if there is a certificate, and logs a user in.
    pub(crate) async fn start(
        folder: &Path,
        certificate: Option<&Certificate>,
    ) -> anyhow::Result<Self> {
        fs::create_dir(folder)?;
        let mut config = config(folder)?;
        config.listen.grpc_tls = certificate.map(Certificate::files);
        let mut environment = Environment::default();
        // Connections that have just ended still have their places for a moment.
        environment.limits.max_connections = 100_000;
        let app = App::bind(&config, environment).await?;
        let address = app.grpc_addr().tcp().context("no address")?;
        tokio::spawn(app.serve(std::future::pending()));
        let client = certificate.map(Certificate::client).transpose()?;
        let channel = channel(address, client).await?;
        let token = log_in(channel.clone()).await?;
        Ok(Self { address, channel, token })
    }

    /// Calls of IntrospectToken a second, with that many callers.
    pub(crate) async fn rate(&self, callers: usize, time: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let all = (0..callers).map(|_| {
            let tokens = TokenServiceClient::new(self.channel.clone());
            tokio::spawn(call(tokens, self.token.clone(), begun + time))
        });
        let mut calls = 0;
        for counted in try_join_all(all).await? {
            calls += counted?;
        }
        Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
    }
}

/// Calls until then, and says how often.
async fn call(
    mut tokens: TokenServiceClient<Channel>,
    token: String,
    until: Instant,
) -> anyhow::Result<u32> {
    let mut calls = 0;
    while Instant::now() < until {
        let request = IntrospectTokenRequest { token: token.clone() };
        let answer = tokens.introspect_token(request).await?.into_inner();
        anyhow::ensure!(answer.active, "the token is not active");
        calls += 1;
    }
    Ok(calls)
}

async fn channel(
    address: SocketAddr,
    client: Option<Arc<ClientConfig>>,
) -> anyhow::Result<Channel> {
    let Some(client) = client else {
        return Ok(Channel::from_shared(format!("http://{address}"))?.connect().await?);
    };
    let connect = move |_uri| {
        let connector = TlsConnector::from(Arc::clone(&client));
        async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let name = "localhost".try_into().map_err(std::io::Error::other)?;
            connector.connect(name, stream).await.map(TokioIo::new)
        }
    };
    let endpoint = Endpoint::from_static("http://localhost");
    Ok(endpoint.connect_with_connector(service_fn(connect)).await?)
}

fn config(folder: &Path) -> anyhow::Result<Config> {
    let database = format!("--database-url=sqlite://{}/countersign.db", folder.display());
    let flags = clap::Command::new("tls").args(Settings::arguments()).get_matches_from([
        "tls",
        &database,
        "--grpc-addr=127.0.0.1:0",
        "--http-addr=127.0.0.1:0",
        "--bcrypt-cost=10",
        "--delivery=log",
    ]);
    Ok(Config::parse(&Settings::from_flags(&flags))?)
}

/// The access token of a new user.
async fn log_in(channel: Channel) -> anyhow::Result<String> {
    let mut auth = AuthServiceClient::new(channel);
    let (username, password) = ("alice".to_owned(), PASSWORD.to_owned());
    auth.register(RegisterRequest {
        username: username.clone(),
        email: "alice@example.com".to_owned(),
        password: password.clone(),
        ..RegisterRequest::default()
    })
    .await?;
    let login = LoginRequest { username, password, ..LoginRequest::default() };
    match auth.login(login).await?.into_inner().result.context("no result")? {
        login_response::Result::Tokens(tokens) => Ok(tokens.access_token),
        login_response::Result::Challenge(_) => anyhow::bail!("a second factor"),
    }
}
