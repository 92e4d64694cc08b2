//! A server in a process of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::figures::Figures;

/// That of the databases that `scripts/measure-users` makes, and of those that are made here.
const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const MASTER_KEY_FILE: &str = "measured.key";

/// A server and its database. Both are gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Server {
    /// Starts one on a temporary SQLite file with these flags and no settings from the environment.
    pub(crate) async fn start(cost: u32, flags: &[&str]) -> anyhow::Result<Self> {
        let cost = format!("--bcrypt-cost={cost}");
        let all = [&["serve", &cost, "--database-url=sqlite://load.db"], flags].concat();
        let server = Self::run(&all)?;
        server.idle().await?;
        Ok(server)
    }

    /// Starts one with places for many connections, bcrypt at the lowest cost, and these flags.
    pub(crate) async fn measured(flags: &[&str]) -> anyhow::Result<Self> {
        let server = Self::run(&[&["measured"], flags].concat())?;
        server.idle().await?;
        Ok(server)
    }

    /// The same, on a Postgres database whose master key is [`MASTER_KEY`].
    pub(crate) async fn on_postgres(url: &str) -> anyhow::Result<Self> {
        let (url, key) =
            (format!("--database-url={url}"), format!("--master-key-file={MASTER_KEY_FILE}"));
        // A cost that is allowed: the server takes its own.
        let flags = ["--bcrypt-cost=10", "--delivery=log", "--issuer=http://localhost:8080"];
        Self::measured(&[&flags[..], &[&url, &key]].concat()).await
    }

    /// Starts tonic with an empty RPC: health, of a service that always serves.
    pub(crate) fn empty() -> anyhow::Result<Self> {
        Self::run(&["empty"])
    }

    /// This program again, with these arguments.
    fn run(arguments: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join(MASTER_KEY_FILE), MASTER_KEY)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().current_dir(folder.path()).args(arguments);
        if arguments != ["empty"] {
            command.args(["--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0"]);
            // Nobody's sessions end because of the logins of a long run.
            command.arg("--sessions-per-user=1000");
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        let addresses = banner(&mut process);
        let (grpc, http) = addresses.context("the server did not start")?;
        Ok(Self { grpc, http, process, _folder: folder })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// `/metrics`, now.
    pub(crate) async fn figures(&self) -> anyhow::Result<Figures> {
        Figures::get(self.http).await
    }

    /// Waits until nothing is hashed and nothing waits for it.
    pub(crate) async fn idle(&self) -> anyhow::Result<()> {
        loop {
            let figures = self.figures().await?;
            if figures.password("queue_length")? + figures.password("lanes_in_use")? == 0.0 {
                return Ok(());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or it can be: either is well.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// The addresses that the server's banner names.
fn banner(process: &mut Child) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let mut banner = BufReader::new(process.stdout.take().context("no output")?);
    let (mut grpc, mut line) = (None, String::new());
    // It is short, and the server writes nothing else there.
    while banner.by_ref().take(1024).read_line(&mut line)? > 0 {
        if let Some(address) = line.trim().strip_prefix("gRPC ") {
            grpc = Some(address.trim().parse()?);
        } else if let Some(address) = line.trim().strip_prefix("HTTP ") {
            let http = address.trim().trim_start_matches("http://").parse()?;
            return Ok((grpc.context("no gRPC address")?, http));
        }
        line.clear();
    }
    anyhow::bail!("no banner")
}
