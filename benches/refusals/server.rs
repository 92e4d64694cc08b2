//! The server, with threads of its own, and a caller who waits for each answer.

use std::{path::Path, sync::mpsc, time::Duration};

use anyhow::Context as _;
use countersign::{
    app::{App, Environment},
    config::{Config, Settings},
    pb::{LoginRequest, RegisterRequest, auth_service_client::AuthServiceClient, login_response},
    token::MasterKey,
};
use rustix::time::{ClockId, clock_gettime};
use tonic::{Request, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use super::fields::Texts;

const PASSWORD: &str = "correct horse battery";

/// A server, and a connection to it with somebody's token.
pub(crate) struct Server {
    channel: Channel,
    token: String,
}

impl Server {
    /// Starts it, and logs somebody in.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let config = config(folder)?;
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                let app = App::bind(&config, Environment::default()).await?;
                tell.send(app.grpc_addr().clone())?;
                Ok(Box::pin(app.serve(std::future::pending())).await?)
            })
        });
        let address = told.recv().context("the server did not start")?;
        let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
        let token = log_in(channel.clone()).await?;
        Ok(Self { channel, token })
    }

    /// The reason of a refusal, or `OK`.
    pub(crate) async fn answer(&self, path: &str, message: &Texts) -> anyhow::Result<String> {
        let mut request = Request::new(message.clone());
        let bearer = format!("Bearer {}", self.token).parse()?;
        request.metadata_mut().insert("authorization", bearer);
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await?;
        let codec = ProstCodec::<Texts, ()>::default();
        // As a stream, whose end is not waited for.
        let Err(refused) = client.server_streaming(request, path.parse()?, codec).await else {
            return Ok("OK".to_owned());
        };
        let details = refused.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone());
        Ok(reason.unwrap_or_else(|| refused.code().to_string()))
    }

    /// The processor time of a call, and how much more that is than what another one takes. Medians of the rounds.
    pub(crate) async fn cost(
        &self,
        (path, call): (&str, &Texts),
        (beside_path, beside): (&str, Texts),
        rounds: u32,
        calls: u32,
    ) -> anyhow::Result<(Duration, Duration)> {
        let (mut all, mut more) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let least = self.time(beside_path, &beside, calls).await?;
            let cost = self.time(path, call, calls).await?;
            all.push(cost);
            more.push(cost.saturating_sub(least));
        }
        Ok((median(all), median(more)))
    }

    /// The processor time of a call on all threads but this one, which is the caller's.
    async fn time(&self, path: &str, message: &Texts, calls: u32) -> anyhow::Result<Duration> {
        let before = others_time();
        for _ in 0..calls {
            self.answer(path, message).await?;
        }
        Ok(others_time().saturating_sub(before) / calls)
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The processor time of all threads but this one.
fn others_time() -> Duration {
    let time = |clock| {
        let time = clock_gettime(clock);
        let seconds = Duration::from_secs(time.tv_sec.try_into().unwrap_or(0));
        seconds + Duration::from_nanos(time.tv_nsec.try_into().unwrap_or(0))
    };
    time(ClockId::ProcessCPUTime).saturating_sub(time(ClockId::ThreadCPUTime))
}

fn config(folder: &Path) -> anyhow::Result<Config> {
    let database = format!("--database-url=sqlite://{}/countersign.db", folder.display());
    let key = folder.join("bench.key");
    std::fs::write(&key, MasterKey::generate_text().as_str())?;
    let key = format!("--master-key-file={}", key.display());
    let flags = clap::Command::new("refusals").args(Settings::arguments()).get_matches_from([
        "refusals",
        &database,
        "--grpc-addr=127.0.0.1:0",
        "--http-addr=127.0.0.1:0",
        "--bcrypt-cost=10",
        "--delivery=log",
        &key,
    ]);
    Ok(Config::parse(&Settings::from_flags(&flags))?)
}

async fn log_in(channel: Channel) -> anyhow::Result<String> {
    let mut auth = AuthServiceClient::new(channel);
    let register = RegisterRequest {
        username: "alice".to_owned(),
        email: "alice@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        ..RegisterRequest::default()
    };
    auth.register(register).await?;
    let (username, password) = ("alice".to_owned(), PASSWORD.to_owned());
    let login = LoginRequest { username, password, ..LoginRequest::default() };
    match auth.login(login).await?.into_inner().result {
        Some(login_response::Result::Tokens(tokens)) => Ok(tokens.access_token),
        _ => anyhow::bail!("the login is not complete"),
    }
}
