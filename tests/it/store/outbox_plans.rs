//! What the outbox costs does not grow with what is in it: anybody can fill it. Not by the clock, but by the plans.

use countersign::store::{postgres::Postgres, sqlite::Sqlite};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use super::at;
use crate::harness::{Backend, Database};

/// 100,000 rows of one source and one account: a half was never tried, a quarter has failed and may be tried again, and a quarter
/// is resting.
async fn fill(database: &Database) {
    let (numbers, id, past, future) = match database.backend {
        Backend::Sqlite => (
            "WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000) ",
            "randomblob(16)",
            "1800000000000000",
            "2000000000000000",
        ),
        Backend::Postgres => (
            "WITH numbers (n) AS (SELECT generate_series(1, 100000)) ",
            "gen_random_uuid()",
            "CAST('2027-01-15' AS timestamptz)",
            "CAST('2033-05-18' AS timestamptz)",
        ),
    };
    // The digest of the source, and of the account.
    let digest = match database.backend {
        Backend::Sqlite => format!("x'{}'", "01".repeat(32)),
        Backend::Postgres => format!(r"'\x{}'::bytea", "01".repeat(32)),
    };
    database
        .run(&format!(
            "INSERT INTO outbox (id, sealed_message, created_at, next_try_at, tries, expires_at, priority, \
             source, account, turn, ready, user_id, code_id, purpose, withdrawn, waits_since) {numbers} SELECT {id}, {digest}, {past}, \
             CASE WHEN n % 4 = 1 THEN {future} ELSE {past} END, CASE WHEN n % 2 = 0 THEN 0 ELSE 1 + n % 7 END, \
             {future}, n % 3, {digest}, {digest}, n, n % 2 = 0, {id}, {id}, n % 3, n % 10000 = 0, {past} FROM numbers"
        ))
        .await;
}

async fn migrated(backend: Backend) -> Database {
    let database = Database::new(backend).await;
    database.store().await.close().await;
    database
}

/// Runs each statement with one more word before it, on a connection or a transaction.
macro_rules! explain {
    ($connection:expr, $explain:literal, $backend:ty, $row:ty) => {{
        let (now, line) = (at(0), vec![1_u8; 32]);
        let text = |sql: &str| AssertSqlSafe(format!("{} {sql}", $explain));
        let put = sqlx::query_as::<_, $row>(text(<$backend>::OUTBOX_PUT))
            .bind(Uuid::now_v7())
            .bind(line.clone())
            .bind(now)
            .bind(at(300))
            .bind(1_i16)
            .bind(line.clone())
            .bind(line)
            .bind(Uuid::now_v7())
            .bind(Uuid::now_v7())
            .bind(1_i16)
            .fetch_all(&mut *$connection)
            .await
            .unwrap();
        let ready = sqlx::query_as::<_, $row>(text(<$backend>::OUTBOX_READY))
            .bind(now)
            .fetch_all(&mut *$connection)
            .await
            .unwrap();
        let clean = sqlx::query_as::<_, $row>(text(<$backend>::OUTBOX_CLEAN))
            .bind(now)
            .fetch_all(&mut *$connection)
            .await
            .unwrap();
        let mut claims = Vec::new();
        for (first, last) in [(0_i16, 0_i16), (1, i16::MAX)] {
            let claim = sqlx::query_as::<_, $row>(text(<$backend>::OUTBOX_CLAIM))
                .bind(now)
                .bind(at(60))
                .bind(first)
                .bind(last)
                .bind(8_i64)
                .fetch_all(&mut *$connection)
                .await
                .unwrap();
            claims.push(claim);
        }
        let state = sqlx::query_as::<_, $row>(text(<$backend>::OUTBOX_STATE))
            .bind(100_i64)
            .fetch_all(&mut *$connection)
            .await
            .unwrap();
        let ahead = sqlx::query_as::<_, $row>(text(<$backend>::OUTBOX_AHEAD))
            .bind(now)
            .bind(now)
            .fetch_all(&mut *$connection)
            .await
            .unwrap();
        let recall = sqlx::query_as::<_, $row>(text(<$backend>::OUTBOX_RECALL))
            .bind(now)
            .bind(now)
            .bind(now)
            .bind(at(60))
            .fetch_all(&mut *$connection)
            .await
            .unwrap();
        [vec![put, clean, ready], claims, vec![ahead, recall, state]].concat()
    }};
}

/// The number after `label`.
fn number(line: &str, label: &str) -> Option<f64> {
    let (_, rest) = line.split_once(label)?;
    rest.split([' ', ')']).next()?.parse().ok()
}

/// The rows that a node of a plan has read: those it gave, each time that it ran, and those it left out.
fn rows(line: &str) -> f64 {
    let given = line.split_once("(actual").map_or(0.0, |(_, actual)| {
        number(actual, "rows=").unwrap_or_default() * number(actual, "loops=").unwrap_or_default()
    });
    given + number(line, "Removed by Filter: ").unwrap_or_default()
}

/// What the planner knows of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    /// How it was when it had some rows, all of them alike.
    Before,
    Now,
}

#[rstest]
#[case::unknown(Known::Nothing)]
#[case::known_from_before(Known::Before)]
#[case::known(Known::Now)]
#[tokio::test]
async fn with_a_hundred_thousand_rows_postgres_reads_some_hundred(#[case] known: Known) {
    let database = migrated(Backend::Postgres).await;
    if known == Known::Before {
        database
            .run(
                "INSERT INTO outbox (id, sealed_message, created_at, next_try_at, tries, expires_at, priority) \
                 SELECT gen_random_uuid(), '', now(), now(), 0, now(), 0 FROM generate_series(1, 60)",
            )
            .await;
        database.run("ANALYZE outbox").await;
    }
    fill(&database).await;
    if known == Known::Now {
        database.run("ANALYZE outbox").await;
    }
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let plans: Vec<Vec<(String,)>> =
        explain!(transaction, "EXPLAIN (ANALYZE)", Postgres, (String,));
    for plan in plans {
        let plan: Vec<_> = plan.into_iter().map(|(line,)| line).collect();
        let read: f64 = plan.iter().map(|line| rows(line)).sum();
        assert!(read > 0.0 && read < 1000.0, "{read} rows: {}", plan.join("\n"));
    }
}

/// A claim by itself keeps its plan: under the settings of our sessions, one that was made while the table was empty will do.
#[tokio::test]
async fn a_plan_that_was_made_for_an_empty_outbox_reads_some_hundred_rows_of_a_full_one() {
    let database = migrated(Backend::Postgres).await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let prepare = format!(
        "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan; \
         PREPARE claim (TIMESTAMPTZ, TIMESTAMPTZ, BIGINT, BIGINT) AS {}",
        Postgres::OUTBOX_CLAIM_AT_ONCE
    );
    connection.execute(AssertSqlSafe(prepare)).await.unwrap();
    let claim = "EXECUTE claim ('2027-02-01', '2027-02-02', 8, 6)";
    connection.execute(claim).await.unwrap();
    fill(&database).await;
    // What rests is the transaction's.
    database.run("UPDATE outbox SET ready = TRUE, withdrawn = FALSE").await;
    let explain = format!("EXPLAIN (ANALYZE) {claim}");
    let plan: Vec<(String,)> =
        sqlx::query_as(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
    let plan: Vec<_> = plan.into_iter().map(|(line,)| line).collect();
    let read: f64 = plan.iter().map(|line| rows(line)).sum();
    assert!(read > 8.0 && read < 1000.0, "{read} rows: {}", plan.join("\n"));
}

#[rstest]
#[tokio::test]
async fn with_a_hundred_thousand_rows_sqlite_sorts_and_scans_nothing() {
    let database = migrated(Backend::Sqlite).await;
    fill(&database).await;
    let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
    let plans: Vec<Vec<(i64, i64, i64, String)>> =
        explain!(&mut connection, "EXPLAIN QUERY PLAN", Sqlite, (i64, i64, i64, String));
    let last = plans.len() - 1;
    for (index, plan) in plans.into_iter().enumerate() {
        let steps: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
        // The rows of a list in the statement are no table's. The state counts up to a number.
        let reads_all =
            |step: &&String| step.contains("SCAN outbox") || step.contains("TEMP B-TREE");
        let wrong: Vec<_> = steps.iter().filter(reads_all).collect();
        assert_eq!(wrong.len(), usize::from(index == last), "{steps:#?}");
        assert!(steps.iter().any(|step| step.contains("USING")), "{steps:#?}");
    }
}
