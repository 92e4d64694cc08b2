//! Accounts that have piled up very much, as an earlier release let them: nothing takes longer for them, and nothing fails.
//!
//! Not by the clock: what was piled up must not be written, and on Postgres, which counts what its statements read, hardly be
//! read. What they read on SQLite: `src/store/sqlite/pile_tests.rs`.

use std::time::Duration;

use countersign::pb::{
    RequestPasswordResetRequest, RevokeOtherSessionsRequest, Tokens, User,
    login_response::Result as Outcome,
};
use rstest::rstest;

use crate::{
    factors::set_two_factor,
    harness::{
        Backend, Database, Server, eventually, logs,
        server::{PASSWORD, bearer},
    },
    mailbox::{NEW_PASSWORD, reset},
};

/// The rows of each kind.
pub const ROWS: i64 = 100_000;

/// What no minute of a test removes or sends.
const NEVER: Duration = Duration::from_secs(3600);

/// How a database says some values.
struct Words {
    user: String,
    id: &'static str,
    digest: &'static str,
    now: String,
    /// A message that rests for longer is one of a clock that was ahead (ADR 23).
    soon: String,
    later: String,
}

impl Words {
    fn of(database: &Database, user: &User, micros: i64) -> Self {
        let (now, soon, later) = (micros, micros + 60_000_000, micros + 3_600_000_000);
        match database.backend {
            Backend::Sqlite => Self {
                user: format!("x'{}'", user.id.replace('-', "")),
                id: "randomblob(16)",
                digest: "randomblob(32)",
                now: now.to_string(),
                soon: soon.to_string(),
                later: later.to_string(),
            },
            Backend::Postgres => Self {
                user: format!("'{}'::uuid", user.id),
                id: "gen_random_uuid()",
                digest: "sha256(random()::text::bytea)",
                now: format!("to_timestamp({now} / 1000000.0)"),
                soon: format!("to_timestamp({soon} / 1000000.0)"),
                later: format!("to_timestamp({later} / 1000000.0)"),
            },
        }
    }
}

/// Gives the account very many rows of all that can become many.
pub async fn pile_up(server: &Server, user: &User) {
    let before = server.clock.now().minus(Duration::from_secs(1)).unix_micros();
    let Words { user, id, digest, now, soon, later } = Words::of(&server.database, user, before);
    let rows = [
        format!(
            "sessions (id, user_id, credential_version, audience, device_name, amr, created_at, expires_at) \
             SELECT {id}, {user}, 1, 'pile', '', 'pwd', {now}, {later}"
        ),
        format!(
            "challenges (id, token_mac, user_id, credential_version, code_mac, attempts, audience, device_name, \
             created_at, resend_at, expires_at) \
             SELECT {id}, {digest}, {user}, 1, {digest}, 0, 'pile', '', {now}, {now}, {later}"
        ),
        format!(
            "mailbox_codes (id, id_mac, user_id, credential_version, budget, code_mac, attempts, created_at, expires_at) \
             SELECT {id}, {digest}, {user}, 1, {digest}, {digest}, 0, {now}, {later}"
        ),
        // What an earlier release wrote has the number 0.
        format!(
            "events (id, kind, user_id, at, seq) SELECT {id}, 'login_failed', {user}, {now}, 0"
        ),
        format!(
            "throttles (key, failures, last_at, next_allowed_at, expires_at) \
             SELECT {digest}, 1, {now}, {now}, {later}"
        ),
        format!(
            "outbox (id, sealed_message, created_at, next_try_at, tries, expires_at) \
             SELECT {id}, {digest}, {now}, {soon}, 0, {later}"
        ),
    ];
    for insert in rows {
        let numbers = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
        );
        let (table, select) = insert.split_once(" SELECT ").unwrap();
        server.database.run(&format!("INSERT INTO {table} {numbers} SELECT {select} FROM n")).await;
    }
}

/// Makes the account what it was, and with that all of its sessions live again.
async fn revive(server: &Server) {
    let revive = "UPDATE users SET session_epoch = 0, credential_version = 1, factor_version = 0, \
                  is_2fa_enabled = FALSE";
    server.database.run(revive).await;
}

async fn login(server: &Server, user: &User, password: &str) -> Tokens {
    match server.login_only(&user.username, password).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => tokens,
        other => panic!("no tokens: {other:?}"),
    }
}

async fn revoke_others(server: &Server, tokens: &Tokens) -> i32 {
    let request = bearer(tokens, RevokeOtherSessionsRequest {});
    let answer = server.account.clone().revoke_other_sessions(request).await.unwrap();
    answer.into_inner().revoked_count
}

/// Those that the test itself began may be revived with the others: their epochs come again.
async fn assert_left_few(server: &Server, tokens: &Tokens) {
    let left = server.sessions(tokens).await.unwrap().len();
    assert!((1..5).contains(&left), "{left} sessions");
}

/// Sets another password, by a code whose delivery is waited for among all that is never due.
async fn reset_password(server: &Server, user: &User, password: &str) {
    let request =
        RequestPasswordResetRequest { email: user.email.clone(), device_token: String::new() };
    let begun = server.auth.clone().request_password_reset(request).await.unwrap();
    eventually("the code", async || !logs::codes(&user.username).is_empty()).await;
    let code = logs::code(&user.username);
    reset(server, &begun.into_inner().reset_id, &code, password).await.unwrap();
}

/// All that an account does with itself, each with all of the pile alive.
async fn use_all(server: &Server, user: &User) {
    let tokens = login(server, user, PASSWORD).await;
    assert_eq!(server.sessions(&tokens).await.unwrap().len(), 100);
    let tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    assert_eq!(revoke_others(server, &tokens).await, 1000, "more are not counted");
    assert_left_few(server, &tokens).await;

    revive(server).await;
    let tokens = login(server, user, PASSWORD).await;
    server.change_password(&tokens, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert_left_few(server, &tokens).await;

    revive(server).await;
    reset_password(server, user, PASSWORD).await;
    let tokens = login(server, user, PASSWORD).await;
    assert_left_few(server, &tokens).await;

    revive(server).await;
    let tokens = login(server, user, PASSWORD).await;
    assert!(set_two_factor(server, &tokens, true, PASSWORD).await.unwrap().two_factor_enabled);

    revive(server).await;
    let tokens = login(server, user, PASSWORD).await;
    server.delete_me(&tokens, PASSWORD).await.unwrap();
}

/// The tables whose reads Postgres is asked for.
const READ: [&str; 8] = [
    "users",
    "sessions",
    "challenges",
    "mailbox_codes",
    "events",
    "throttles",
    "recovery_codes",
    "totp_factors",
];

/// What Postgres has read of rows and of entries of indexes.
pub async fn read(database: &Database) -> i64 {
    let tables = READ.join("', '");
    let sum = format!(
        "SELECT (SELECT SUM(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables WHERE relname = ANY (kinds))::bigint \
         + (SELECT SUM(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = ANY (kinds))::bigint \
         FROM (SELECT ARRAY['{tables}'] AS kinds) AS of"
    );
    database.number(&sum).await
}

/// Keeps Postgres from gathering statistics in the middle of the test, which it does or not by a matter of luck.
///
/// With those of so many rows of one user it reads a whole table rather than a thousand rows by an index, which it takes to
/// cost more.
pub async fn without_statistics(database: &Database) {
    for table in READ {
        database.run(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_with_very_many_of_everything_works_like_any_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |_, environment| {
        environment.clean_every = NEVER;
    })
    .await;
    // So that no message of the pile becomes due.
    server.clock.stop();
    let user = server.user(false).await;
    let postgres = backend == Backend::Postgres;
    if postgres {
        without_statistics(&server.database).await;
    }
    pile_up(&server, &user).await;
    let before = if postgres {
        // What the pile's own foreign keys made it read must not count as the account's.
        let pilers = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND application_name NOT LIKE 'countersign%' AND pid <> pg_backend_pid()";
        eventually("the pilers' end", async || server.database.number(pilers).await == 0).await;
        read(&server.database).await
    } else {
        0
    };
    use_all(&server, &user).await;
    let database = std::sync::Arc::clone(&server.database);
    // What it has read a connection tells at the latest when it ends.
    server.stop().await.unwrap();
    if postgres {
        let others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND application_name LIKE 'countersign%'";
        eventually("the connections' end", async || database.number(others).await == 0).await;
        let read = read(&database).await - before;
        assert!((1..ROWS / 2).contains(&read), "{read} rows and entries for all of it");
    }
    // A login ends a hundred that are too many, and no other row of the pile is touched.
    for (touched, most) in [
        (
            "sessions WHERE audience = 'pile' AND (revoked_at IS NOT NULL OR epoch <> 0 OR credential_version <> 1)",
            400,
        ),
        ("challenges WHERE audience = 'pile' AND (consumed_at IS NOT NULL OR attempts <> 0)", 0),
        ("mailbox_codes WHERE consumed_at IS NOT NULL", 1),
    ] {
        let count = database.number(&format!("SELECT COUNT(*) FROM {touched}")).await;
        assert!(count <= most, "{count} of {touched}");
    }
    for table in ["sessions", "challenges", "mailbox_codes", "events", "throttles", "outbox"] {
        let left = database.number(&format!("SELECT COUNT(*) FROM {table}")).await;
        assert!(left >= ROWS, "{left} of {table}: nothing is removed at once");
    }
}
