//! `countersign backup` and `countersign restore`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use countersign::app::Environment;
use rstest::rstest;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, SqliteConnection, migrate::Migrator,
    sqlite::SqliteConnectOptions,
};
use uuid::Uuid;

use crate::{
    factors::{answer, enroll, recovery, totp},
    harness::{
        Backend, Database, Server,
        authenticator::App,
        command::{Running, output},
        eventually, jwt, reason_of,
        server::{PASSWORD, config},
    },
    process::{on, serve},
    store::new_user,
    verifier::{settings, verifier},
};

/// Runs a command on the database: what it prints, or what it says is wrong.
fn run(database: &Database, arguments: &[&str]) -> Result<String, String> {
    let (result, said) = output(on(database, arguments));
    let printed = String::from_utf8(result.stdout).unwrap();
    if result.status.success() { Ok(printed) } else { Err(said) }
}

fn back_up(database: &Database, file: &Path) -> Result<String, String> {
    run(database, &["backup", file.to_str().unwrap()])
}

fn restore(database: &Database, file: &Path) -> Result<String, String> {
    run(database, &["restore", file.to_str().unwrap()])
}

/// A database that no server has open, with as many users, and a back-up of it.
async fn backed_up(users: usize) -> (Database, PathBuf) {
    let database = Database::empty(Backend::Sqlite).await;
    let store = database.store().await;
    for _ in 0..users {
        assert!(store.user_create(new_user()).await.unwrap());
    }
    let file = database.folder().join("back-up.db");
    back_up(&database, &file).unwrap();
    store.close().await;
    (database, file)
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| name(entry).unwrap()).collect();
    names.sort();
    names
}

async fn number_in(file: &Path, sql: &str) -> i64 {
    let options = SqliteConnectOptions::new().filename(file).immutable(true).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap()
}

/// Each user is written with their event: a copy of two moments would have one without the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_up_beside_writers_is_of_one_moment_whole_private_and_alone() {
    let database = Database::empty(Backend::Sqlite).await;
    let store = database.store().await;
    for _ in 0..500 {
        assert!(store.user_create(new_user()).await.unwrap());
    }
    let done = Arc::new(AtomicBool::new(false));
    let (writing, stop) = (Arc::clone(&store), Arc::clone(&done));
    let writer = tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            assert!(writing.user_create(new_user()).await.unwrap());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("back-up.db");
    let said = back_up(&database, &file).unwrap();
    done.store(true, Ordering::Relaxed);
    writer.await.unwrap();

    assert_eq!(names(folder.path()), ["back-up.db"]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let users = number_in(&file, "SELECT COUNT(*) FROM users").await;
    let events = number_in(&file, "SELECT COUNT(*) FROM events WHERE kind = 'registered'").await;
    assert!(users >= 500 && users == events, "{users} users, {events} events");
    assert!(said.contains(&format!("({users} users, schema ")), "{said}");
    assert!(said.contains("master key"), "{said}");
}

#[tokio::test]
async fn a_back_up_may_be_a_name_alone_in_the_folder_that_one_is_in() {
    let database = Database::empty(Backend::Sqlite).await;
    database.store().await.close().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = on(&database, &["backup", "today.db"]);
    command.current_dir(folder.path());
    let (result, said) = output(command);
    assert!(result.status.success(), "{said}");
    assert_eq!(names(folder.path()), ["today.db"]);
}

#[tokio::test]
async fn a_back_up_overwrites_nothing_and_leaves_nothing_where_it_fails() {
    let (database, file) = backed_up(1).await;
    let before = fs::read(&file).unwrap();
    assert!(back_up(&database, &file).unwrap_err().contains("is there already"));
    assert_eq!(fs::read(&file).unwrap(), before);
    let nowhere = database.folder().join("nowhere/back-up.db");
    assert!(back_up(&database, &nowhere).unwrap_err().contains(nowhere.to_str().unwrap()));
    // The database's own files beside it go when its last connection is closed, which a busy machine may take its time for.
    let of_back_ups = |name: &String| !name.starts_with("countersign.db");
    let left: Vec<_> = names(database.folder()).into_iter().filter(of_back_ups).collect();
    assert_eq!(left, ["back-up.db"]);
}

#[tokio::test]
async fn on_postgres_both_commands_name_the_ones_to_use() {
    let database = Database::empty(Backend::Postgres).await;
    let file = database.folder().join("back-up.db");
    assert!(back_up(&database, &file).unwrap_err().contains("pg_dump"));
    assert!(restore(&database, &file).unwrap_err().contains("pg_restore"));
}

/// Stops a server, restores its database, and starts one on what is there then.
async fn restored(server: Server, file: &Path) -> (Server, String) {
    let (database, clock) = (Arc::clone(&server.database), server.clock.clone());
    server.stop().await.unwrap();
    let said = restore(&database, file).unwrap();
    let environment = Environment { clock: clock.clock(), ..Environment::default() };
    let config = config(&database);
    (Server::start_on(database, &config, environment, clock).await, said)
}

#[tokio::test]
async fn what_was_spent_since_the_back_up_does_not_count_again_after_a_restore() {
    let server = Server::start(Backend::Sqlite).await;
    let (alice, bob) = (server.user(false).await, server.user(false).await);
    let tokens = server.session(&alice).await;
    let (app, codes): (App, Vec<String>) = enroll(&server, &tokens).await;
    let challenge = server.challenge(&alice).await;
    let bobs = server.session(&bob).await;
    let file = server.database.folder().join("back-up.db");
    back_up(&server.database, &file).unwrap();

    let rotated = server.refresh(&bobs.refresh_token, "").await.unwrap();
    answer(&server, &challenge, recovery(&codes[0])).await.unwrap();
    let later = server.user(false).await;
    let refused = restore(&server.database, &file).unwrap_err();
    assert!(refused.contains("is in use"), "{refused}");
    server.me(&rotated).await.unwrap();

    let (server, said) = restored(server, &file).await;
    assert!(said.contains("(2 users, schema ") && said.contains("Replaced: "), "{said}");
    assert!(said.contains("(3 users, schema "), "{said}");
    assert_eq!(reason_of(server.refresh(&bobs.refresh_token, "").await), "TOKEN_INVALID");
    for tokens in [&bobs, &rotated] {
        assert!(server.me(tokens).await.is_err());
    }
    let again = answer(&server, &challenge, recovery(&codes[1])).await;
    assert_eq!(reason_of(again), "CHALLENGE_INVALID");
    let challenge = server.challenge(&alice).await;
    for code in &codes[..2] {
        let refused = answer(&server, &challenge, recovery(code)).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    }
    let spent = answer(&server, &challenge, totp(app.code_at(&server.clock))).await;
    assert_eq!(reason_of(spent), "CHALLENGE_INVALID");
    assert!(server.login(&later.username, PASSWORD).await.is_err(), "registered since");

    server.clock.advance(std::time::Duration::from_secs(61));
    answer(&server, &challenge, totp(app.code_at(&server.clock))).await.unwrap();
    let tokens = server.session(&bob).await;
    let epoch = jwt::claims(&tokens.access_token)["session_epoch"].as_i64().unwrap();
    assert!(epoch > 1_700_000_000, "an epoch that no verifier has seen end: {epoch}");
    server.me(&tokens).await.unwrap();
}

#[tokio::test]
async fn the_database_that_is_replaced_is_kept_and_all_files_are_private() {
    let (database, file) = backed_up(2).await;
    let store = database.store().await;
    assert!(store.user_create(new_user()).await.unwrap());
    store.close().await;
    let said = restore(&database, &file).unwrap();
    let names = names(database.folder());
    let [_, _, _, kept] = &names[..] else { panic!("{names:?}") };
    assert_eq!(names[..3], ["back-up.db", "countersign.db", "countersign.db-lock"]);
    assert!(kept.starts_with("countersign.db-replaced-"), "{kept}");
    for name in &names {
        let path = database.folder().join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600, "{name}");
    }
    let users = "SELECT COUNT(*) FROM users";
    assert_eq!(number_in(&database.folder().join(kept), users).await, 3);
    assert_eq!(number_in(&database.folder().join("countersign.db"), users).await, 2);
    assert!(said.contains(kept.as_str()) && said.contains("(3 users, schema "), "{said}");
}

#[tokio::test]
async fn a_back_up_is_restored_where_there_was_no_database() {
    let (database, file) = backed_up(2).await;
    let mut elsewhere = Database::empty(Backend::Sqlite).await;
    elsewhere.url = format!("sqlite://{}/new/countersign.db", elsewhere.folder().display());
    let said = restore(&elsewhere, &file).unwrap();
    assert!(said.contains("where there was no database"), "{said}");
    assert_eq!(names(&elsewhere.folder().join("new")), ["countersign.db", "countersign.db-lock"]);
    let key = database.folder().join("master.key");
    if key.exists() {
        fs::copy(key, elsewhere.folder().join("new/master.key")).unwrap();
    }
    let mut running = Running::start(serve(&elsewhere));
    running.wait_for_log("ready");
}

/// What is wrong with the file that is to be restored.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Missing,
    Empty,
    Text,
    OtherDatabase,
    Truncated,
    Damaged,
    LaterRelease,
    OpenLog,
    LostRows,
    Trigger,
}

impl Fault {
    /// Breaks the back-up, and says what an operator must read.
    async fn break_it(self, file: &Path) -> &'static str {
        let content = fs::read(file).unwrap();
        let half = content.len() / 2;
        match self {
            Self::Missing => fs::remove_file(file).unwrap(),
            Self::Empty => fs::write(file, "").unwrap(),
            Self::Text => fs::write(file, "no database at all, whatever its name says").unwrap(),
            Self::Truncated => fs::write(file, &content[..half]).unwrap(),
            Self::Damaged => {
                let mut content = content;
                content[half..half + 8192].fill(0xa5);
                fs::write(file, content).unwrap();
            }
            Self::OpenLog => fs::write(file.with_file_name("back-up.db-wal"), "commits").unwrap(),
            Self::OtherDatabase => {
                fs::write(file, "").unwrap();
                run_in(file, "CREATE TABLE users (id)").await;
            }
            Self::Trigger => {
                let sql = "CREATE TRIGGER again AFTER UPDATE ON users BEGIN \
                           UPDATE users SET session_epoch = 0; END";
                run_in(file, sql).await;
            }
            Self::LaterRelease => {
                run_in(file, "UPDATE _sqlx_migrations SET version = 9000 WHERE version = 1").await;
            }
            Self::LostRows => {
                run_in(file, "PRAGMA foreign_keys = OFF; INSERT INTO recovery_codes VALUES (x'00', x'00', 0)")
                    .await;
            }
        }
        match self {
            Self::Missing => "No such file",
            Self::Empty | Self::OtherDatabase | Self::Trigger => "is not a database of Countersign",
            Self::Text | Self::Truncated | Self::Damaged | Self::LostRows => "is not whole",
            Self::LaterRelease => "is of a later release",
            Self::OpenLog => "back-up.db-wal lies beside",
        }
    }
}

async fn run_in(file: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn what_is_no_whole_back_up_of_ours_is_refused_and_changes_nothing(
    #[values(
        Fault::Missing,
        Fault::Empty,
        Fault::Text,
        Fault::OtherDatabase,
        Fault::Truncated,
        Fault::Damaged,
        Fault::LaterRelease,
        Fault::OpenLog,
        Fault::LostRows,
        Fault::Trigger
    )]
    fault: Fault,
) {
    let (database, file) = backed_up(50).await;
    let expected = fault.break_it(&file).await;
    let (names_before, current) =
        (names(database.folder()), database.folder().join("countersign.db"));
    let before = fs::read(&current).unwrap();
    let refused = restore(&database, &file).unwrap_err();
    assert!(refused.contains(expected), "{refused}");
    assert_eq!(names(database.folder()), names_before);
    assert_eq!(fs::read(&current).unwrap(), before);
}

/// Rows of the log would get into what is restored, and every check would pass.
#[rstest]
#[tokio::test]
async fn nothing_is_restored_beside_what_a_server_has_left(
    #[values("-wal", "-shm", "-journal")] end: &str,
    #[values(true, false)] has_database: bool,
) {
    let (database, file) = backed_up(1).await;
    let current = database.folder().join("countersign.db");
    if !has_database {
        fs::remove_file(&current).unwrap();
    }
    fs::write(format!("{}{end}", current.display()), "").unwrap();
    let before = names(database.folder());
    let refused = restore(&database, &file).unwrap_err();
    assert!(refused.contains(&format!("countersign.db{end} lies beside")), "{refused}");
    assert_eq!(names(database.folder()), before);
}

/// As a server of an earlier release does, which knows nothing of our lock.
#[tokio::test]
async fn nothing_is_restored_while_another_program_has_the_database_open() {
    let (database, file) = backed_up(1).await;
    let mut shell = SqliteConnection::connect(&database.url).await.unwrap();
    shell.execute("SELECT COUNT(*) FROM users").await.unwrap();
    let refused = restore(&database, &file).unwrap_err();
    assert!(refused.contains("is in use"), "{refused}");
    shell.close().await.unwrap();
    restore(&database, &file).unwrap();
}

#[tokio::test]
async fn a_back_up_of_an_earlier_release_is_brought_up_to_date() {
    let database = Database::empty(Backend::Sqlite).await;
    let (steps, file) = (database.folder().join("steps"), database.folder().join("old.db"));
    fs::create_dir(&steps).unwrap();
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    for name in names(Path::new(all)).iter().take(9) {
        fs::copy(format!("{all}/{name}"), steps.join(name)).unwrap();
    }
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    Migrator::new(steps).await.unwrap().run_direct(None, &mut connection, false).await.unwrap();
    let user = format!(
        "INSERT INTO users VALUES (x'{}', 'a', 'a', 'a@b.c', 'a@b.c', 0, 'hash', 1, 0, '', NULL, NULL, 0)",
        Uuid::now_v7().simple()
    );
    connection.execute(AssertSqlSafe(user)).await.unwrap();
    connection.close().await.unwrap();
    let said = restore(&database, &file).unwrap();
    assert!(said.contains("(1 users, schema 9, last event never"), "{said}");
    database.store().await.check().await.unwrap();
    assert!(database.number("SELECT session_epoch FROM users").await > 1_700_000_000);
}

/// As after pg_restore, or a snapshot of the volume.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_means_have_restored_is_put_right_and_verifiers_hear_of_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let watcher = verifier(server.grpc, settings("countersign")).await;
    eventually("following", async || watcher.status().is_following).await;
    assert!(watcher.verify(&tokens.access_token).await.is_ok());
    run(&server.database, &["restore", "--already-restored"]).unwrap();
    assert_eq!(reason_of(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
    eventually("the revocation", async || watcher.verify(&tokens.access_token).await.is_err())
        .await;
    let tokens = server.session(&user).await;
    assert!(watcher.verify(&tokens.access_token).await.is_ok());
}
