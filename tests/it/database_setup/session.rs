//! Settings of the role, the database and the server do not matter, or stop the start.

use futures_util::future::join_all;
use rstest::rstest;
use tonic::Code;

use super::Role;
use crate::{
    harness::{
        Backend, Database, Server,
        command::{Running, output},
        database::cluster_with,
        server::registration,
        soon, unique,
    },
    process::serve,
};

/// Many at once, so that they are rivals; each registers, logs in twice and uses the account.
async fn use_it(server: &Server) {
    let users = join_all((0..16).map(|_| server.register(registration(false)))).await;
    for user in users {
        let user = user.unwrap();
        let sessions = join_all((0..4).map(|_| server.session(&user))).await;
        for tokens in &sessions {
            assert_eq!(server.me(tokens).await.unwrap().create_time, user.create_time);
        }
        server.refresh(&sessions[0].refresh_token, "").await.unwrap();
    }
}

/// Each of these makes something fail where nothing is done about it, or loses commits.
#[rstest]
#[case("default_transaction_isolation = 'serializable'")]
#[case("default_transaction_isolation = 'repeatable read'")]
#[case("default_transaction_read_only = on")]
#[case("default_transaction_deferrable = on")]
#[case("statement_timeout = '1ms'")]
#[case("idle_in_transaction_session_timeout = '1ms'")]
#[case("TimeZone = 'Asia/Kathmandu'")]
#[case("DateStyle = 'German, YMD'")]
#[case("IntervalStyle = 'sql_standard'")]
#[case("bytea_output = 'escape'")]
#[case("client_encoding = 'LATIN1'")]
#[case("synchronous_commit = off")]
#[case("standard_conforming_strings = off")]
#[case("client_min_messages = 'debug5'")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_role_is_set_to_all_calls_succeed(#[case] setting: &str) {
    let database = Database::empty(Backend::Postgres).await;
    database.store().await.close().await;
    let role = Role::new(&database, "SUPERUSER").await;
    role.set(&database, setting).await;
    let url = role.url(&database);
    let server = Server::start_at(database, |config| config.database.url = url).await;
    use_it(&server).await;
    let mut named = registration(false);
    named.username = unique("Ключ-शब्द");
    assert!(server.register(named).await.is_ok());
    let database = std::sync::Arc::clone(&server.database);
    server.stop().await.unwrap();
    role.drop(&database).await;
}

/// A short wait for a lock is no reason to fail: statements have a limit of their own.
#[tokio::test]
async fn a_lock_that_is_held_for_longer_than_the_roles_lock_timeout_is_waited_for() {
    let database = Database::empty(Backend::Postgres).await;
    database.store().await.close().await;
    let role = Role::new(&database, "SUPERUSER").await;
    role.set(&database, "lock_timeout = '1ms'").await;
    let url = role.url(&database);
    let server = Server::start_at(database, |config| config.database.url = url).await;
    let lock = server.database.lock("users").await;
    let waiting =
        "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass";
    let mut register = Box::pin(server.register(registration(false)));
    // As long as it takes to see it wait, which is longer than a millisecond.
    for _ in 0..3 {
        loop {
            tokio::select! {
                done = &mut register => panic!("it did not wait: {done:?}"),
                waits = server.database.number(waiting) => if waits > 0 { break },
            }
        }
    }
    drop(lock);
    soon("Register", register).await.unwrap();
    let database = std::sync::Arc::clone(&server.database);
    server.stop().await.unwrap();
    role.drop(&database).await;
}

/// What a transaction really runs under, as a trigger in it sees it.
#[tokio::test]
async fn every_write_runs_under_our_settings() {
    let database = Database::empty(Backend::Postgres).await;
    database.store().await.close().await;
    let role = Role::new(&database, "SUPERUSER").await;
    let hostile = [
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_read_only", "on"),
        ("synchronous_commit", "off"),
        ("statement_timeout", "1h"),
        ("lock_timeout", "1h"),
        ("idle_in_transaction_session_timeout", "1h"),
        ("TimeZone", "Asia/Kathmandu"),
        ("DateStyle", "German"),
        ("client_encoding", "LATIN1"),
    ];
    for (name, value) in hostile {
        role.set(&database, &format!("{name} = '{value}'")).await;
    }
    let expected = [
        ("transaction_isolation", "read committed"),
        ("transaction_read_only", "off"),
        ("synchronous_commit", "on"),
        ("statement_timeout", "10s"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("TimeZone", "UTC"),
        ("DateStyle", "ISO, MDY"),
        ("client_encoding", "UTF8"),
    ];
    let names = expected.map(|(name, _)| format!("('{name}')")).join(", ");
    database
        .run(&format!(
            "CREATE TABLE seen (name TEXT, value TEXT);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO seen SELECT name, current_setting(name) FROM (VALUES {names}) AS names (name);
                 RETURN NEW;
             END $$;
             CREATE TRIGGER note AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION note()"
        ))
        .await;
    let url = role.url(&database);
    let server = Server::start_at(database, |config| config.database.url = url).await;
    server.user(false).await;
    for (name, value) in expected {
        let seen = format!("SELECT COUNT(*) FROM seen WHERE name = '{name}' AND value = '{value}'");
        assert_eq!(server.database.number(&seen).await, 1, "{name} is not {value}");
    }
    let database = std::sync::Arc::clone(&server.database);
    server.stop().await.unwrap();
    role.drop(&database).await;
}

/// A transaction that is told to try again is tried again; what stays so is "away", and no defect.
#[rstest]
#[case("40001", true)]
#[case("40P01", true)]
#[case("55P03", true)]
#[case("25P04", true)]
#[tokio::test]
async fn what_is_over_when_it_is_tried_again_is_never_internal(
    #[case] code: &str,
    #[case] is_tried_again: bool,
) {
    let server = Server::start(Backend::Postgres).await;
    // A sequence does not go back with its transaction.
    server
        .database
        .run(&format!(
            "CREATE SEQUENCE tries; CREATE SEQUENCE failures;
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('tries') % 1000 <= (SELECT last_value FROM failures) THEN
                     RAISE EXCEPTION 'no' USING ERRCODE = '{code}';
                 END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER fail BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION fail();
             SELECT setval('failures', 2)"
        ))
        .await;
    let first = server.register(registration(false)).await;
    if is_tried_again {
        first.unwrap();
    } else {
        assert_eq!(first.unwrap_err().code(), Code::Unavailable);
    }
    server.database.run("SELECT setval('tries', 1000); SELECT setval('failures', 999)").await;
    let error = server.register(registration(false)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error:?}");
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_name_is_refused() {
    let database = Database::with(
        Backend::Postgres,
        "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    .await;
    let (result, text) = output(serve(&database));
    assert!(!result.status.success());
    assert!(text.contains("LATIN1") && text.contains("ENCODING 'UTF8'"), "{text}");
}

#[tokio::test]
async fn a_server_that_may_lose_commits_is_refused_unless_its_host_is_accepted_by_name() {
    let cluster = cluster_with("-c fsync=off -c full_page_writes=off");
    let database = Database::at(&cluster).await;
    let (result, text) = output(serve(&database));
    assert!(!result.status.success());
    assert!(
        text.contains("fsync, full_page_writes") && text.contains("COUNTERSIGN_FSYNC_OFF_AT"),
        "{text}"
    );

    let mut other = serve(&database);
    other.env("COUNTERSIGN_FSYNC_OFF_AT", "ep-1.neon.example,other");
    assert!(!output(other).0.status.success());

    let host = database.url.split("host=").nth(1).unwrap();
    let mut accepted = serve(&database);
    accepted.env("COUNTERSIGN_FSYNC_OFF_AT", format!("other,{host}"));
    let mut running = Running::start(accepted);
    let line = running.wait_for_log("COUNTERSIGN_FSYNC_OFF_AT");
    assert!(line.contains("WARN") && line.contains("fsync, full_page_writes"), "{line}");
    running.wait_for_log("ready");
}
