//! What a login costs its Postgres, at bcrypt's lowest cost: how many hashing cores one database carries follows from it.
//!
//! The database has the extension pg_stat_statements, and runs on this machine: its processor time is read here.

use anyhow::Context as _;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{Plan, capacity};
use crate::{
    bare::{Bare, most_lanes},
    client::Callers,
    figures::{family_time, parent, processor_time},
    measured::COST,
    report::Report,
    server::Server,
    tally::median,
};

const ROUNDS: u32 = 5;

/// What has been used, up to now.
struct Used {
    statements: f64,
    /// Bytes of write-ahead log.
    log: f64,
    /// Seconds of processor.
    database: f64,
    server: f64,
    logins: f64,
}

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let [url] = &plan.postgres[..] else { anyhow::bail!("it takes one --postgres") };
    plan.say("database: logins at bcrypt's lowest cost");
    let mut watching = PgConnection::connect(url).await?;
    watching.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
    let server = Server::on_postgres(url).await?;
    let callers = Callers::connect(&server, 4, None).await?;
    let (mut rates, mut rounds) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = Used::now(&mut watching, &server).await?;
        rates.push(capacity(&callers, plan.duration / ROUNDS).await?);
        let after = Used::now(&mut watching, &server).await?;
        rounds.push(after.since(&before));
    }
    let each = |used: fn(&Used) -> f64| {
        median(rounds.iter().map(|round| used(round) / round.logins).collect())
    };
    let (micros, hash) = (1e6, hash_seconds().await?);
    report
        .title(format!("Database: logins on Postgres at bcrypt's cost {COST}, on the same cores"));
    report.add("logins/s", format!("{:.0}", median(rates)));
    report.add("statements a login", format!("{:.1}", each(|used| used.statements)));
    let log = each(|used| used.log) / 1024.0;
    report.add("write-ahead log of a login", format!("{log:.1} KiB"));
    let database = each(|used| used.database) * micros;
    report.add("Postgres' processor a login", format!("{database:.0} µs"));
    let server = each(|used| used.server) * micros;
    report.add("the server's processor a login", format!("{server:.0} µs"));
    report.add("a hash in it", format!("{:.0} µs", hash * micros));
    let event: i64 =
        sqlx::query_scalar("SELECT pg_total_relation_size('events') / COUNT(*) FROM events")
            .fetch_one(&mut watching)
            .await?;
    report.add("bytes of an event, with its indexes", event.to_string());
    Ok(())
}

impl Used {
    async fn now(watching: &mut PgConnection, server: &Server) -> anyhow::Result<Self> {
        let statements: i64 = sqlx::query_scalar(
            "SELECT COALESCE(SUM(calls), 0)::BIGINT FROM pg_stat_statements JOIN pg_database ON oid = dbid \
             WHERE datname = current_database()",
        )
        .fetch_one(&mut *watching)
        .await
        .context("shared_preload_libraries needs pg_stat_statements")?;
        let logins: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM sessions").fetch_one(&mut *watching).await?;
        let log: i64 =
            sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::BIGINT")
                .fetch_one(&mut *watching)
                .await?;
        let backend: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *watching).await?;
        Ok(Self {
            statements: statements as f64,
            log: log as f64,
            database: family_time(parent(u32::try_from(backend)?)?)?,
            server: processor_time(server.id())?,
            logins: logins as f64,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            statements: self.statements - before.statements,
            log: self.log - before.log,
            database: self.database - before.database,
            server: self.server - before.server,
            logins: self.logins - before.logins,
        }
    }
}

/// The processor time of a hash in full lanes.
async fn hash_seconds() -> anyhow::Result<f64> {
    let (at_once, cores) = (2 * most_lanes()?, std::thread::available_parallelism()?.get());
    let bare = Bare::start(COST, at_once)?;
    bare.rate(at_once, 100 * at_once).await?;
    Ok(cores as f64 / bare.rate(at_once, 100 * at_once).await?)
}
