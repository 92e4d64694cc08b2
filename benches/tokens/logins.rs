//! Logins on Postgres whose hash costs next to nothing (bcrypt's cost 4): what a login costs beside it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use countersign::pb::{LoginRequest, auth_service_client::AuthServiceClient};
use futures_util::future::try_join_all;
use sqlx::{Connection as _, PgConnection};
use tonic::transport::Channel;

use crate::server;

const CALLERS: usize = 64;

/// The server, its callers, and a connection that asks Postgres for figures.
pub(crate) struct Logins {
    channel: Channel,
    postgres: PgConnection,
}

/// What was measured in one turn.
pub(crate) struct Figures {
    pub(crate) a_second: f64,
    /// Microseconds of processor for each: of this process, callers and hash included, and of Postgres.
    pub(crate) ours: f64,
    pub(crate) postgres: f64,
    /// Bytes of WAL for each.
    pub(crate) wal: f64,
}

impl Logins {
    pub(crate) async fn start(folder: &Path, url: &str) -> anyhow::Result<Self> {
        let channel = server::start(folder, url, 4).await?;
        let log_ins = (0..CALLERS).map(|number| server::log_in(channel.clone(), number));
        try_join_all(log_ins).await?;
        Ok(Self { channel, postgres: PgConnection::connect(url).await? })
    }

    pub(crate) async fn measure(&mut self, time: Duration) -> anyhow::Result<Figures> {
        let (begun, before) = (Instant::now(), self.spent().await?);
        let callers = (0..CALLERS)
            .map(|number| tokio::spawn(log_in_until(self.channel.clone(), number, begun + time)));
        let mut logins = 0;
        for counted in try_join_all(callers.collect::<Vec<_>>()).await? {
            logins += counted?;
        }
        let (took, after, logins) = (begun.elapsed(), self.spent().await?, f64::from(logins));
        let [ours, postgres, wal] = [0, 1, 2].map(|which| (after[which] - before[which]) / logins);
        Ok(Figures { a_second: logins / took.as_secs_f64(), ours, postgres, wal })
    }

    /// Microseconds of processor of this process and of Postgres' for this database, and bytes of WAL.
    async fn spent(&mut self) -> anyhow::Result<[f64; 3]> {
        let processes = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()";
        let processes: Vec<i32> =
            sqlx::query_scalar(processes).fetch_all(&mut self.postgres).await?;
        let postgres = processes.iter().map(|process| processor_time(&process.to_string())).sum();
        let wal = "SELECT CAST(pg_current_wal_lsn() - '0/0' AS FLOAT8)";
        let wal = sqlx::query_scalar(wal).fetch_one(&mut self.postgres).await?;
        Ok([processor_time("self"), postgres, wal])
    }
}

async fn log_in_until(channel: Channel, number: usize, until: Instant) -> anyhow::Result<u32> {
    let mut auth = AuthServiceClient::new(channel);
    let mut logins = 0;
    while Instant::now() < until {
        let (username, password) = (format!("user-{number}"), server::PASSWORD.to_owned());
        let login = LoginRequest { username, password, ..LoginRequest::default() };
        auth.login(login).await?.into_inner().result.context("no result")?;
        logins += 1;
    }
    Ok(logins)
}

/// Microseconds, to ten thousand: proc_pid_stat(5), `utime` and `stime`. None of a process that has ended.
fn processor_time(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() * 10_000.0
}
