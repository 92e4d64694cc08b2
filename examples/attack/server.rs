//! The server that is attacked, in this process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use countersign::{
    app::{App, Environment, Error},
    config::{Config, Settings},
    domain::Timestamp,
    service::Clock,
    token::MasterKey,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::transport::{Channel, Endpoint};

use crate::inbox::Inbox;

/// A server and what is around it. Its folder is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) channel: Channel,
    pub(crate) time: Time,
    pub(crate) inbox: Inbox,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), Error>>,
    _folder: TempDir,
}

/// The server's clock: the system's, and what was added to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        let added = Duration::from_secs(self.0.load(Ordering::SeqCst));
        Timestamp::from(SystemTime::now()).plus(added)
    }
}

impl Server {
    /// Starts one with the default limits and no settings from the environment.
    pub(crate) async fn start(cost: u32, database_url: Option<&str>) -> anyhow::Result<Self> {
        let inbox = Inbox::open()?;
        let folder = tempfile::tempdir()?;
        let config = config(&folder, cost, database_url)?;
        let time = Time::default();
        let now = time.clone();
        let clock = Clock::from_fn(move || now.now());
        let environment = Environment { clock, ..Environment::default() };
        let app = Box::pin(App::bind(&config, environment)).await?;
        let endpoint = Endpoint::from_shared(format!("http://{}", app.grpc_addr()))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(app.serve(async {
            // Dropped is stopped, too.
            let _dropped = stopped.await;
        }));
        let channel = endpoint.connect().await?;
        Ok(Self { channel, time, inbox, stop, ended, _folder: folder })
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        Ok(self.ended.await??)
    }
}

fn config(folder: &TempDir, cost: u32, database_url: Option<&str>) -> anyhow::Result<Config> {
    let file = |name: &str| folder.path().join(name).display().to_string();
    let master_key = file("master.key");
    std::fs::write(&master_key, MasterKey::generate_text().as_str())?;
    let own = format!("sqlite://{}", file("attack.db"));
    let flags = clap::Command::new("attack").args(Settings::arguments()).get_matches_from([
        "attack",
        &format!("--database-url={}", database_url.unwrap_or(&own)),
        &format!("--master-key-file={master_key}"),
        "--grpc-addr=127.0.0.1:0",
        "--http-addr=127.0.0.1:0",
        "--issuer=http://localhost:8080",
        "--delivery=log",
        "--trusted-proxies=127.0.0.0/8",
        "--drain-delay=0s",
    ]);
    let mut config = Config::parse(&Settings::from_flags(&flags)).context("the configuration")?;
    // Past the check: with Postgres a cost as low as this is refused.
    config.password.cost = cost;
    Ok(config)
}
