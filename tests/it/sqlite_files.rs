//! The files of SQLite under a running server, and commands that find none.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use countersign::{
    pb::auth_service_client::AuthServiceClient,
    store::{Error, Store},
};
use rstest::rstest;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    harness::{
        Backend, Database, Server,
        command::{Running, command, output},
        reason,
        server::registration,
        soon,
    },
    health::{AUTH, becomes, is},
    process::serve,
    store::new_user,
};

/// What somebody does to a file under the server.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Moves,
    Deletes,
    Replaces,
}

impl Deed {
    /// Does it. What can be undone is kept in the file that is returned.
    fn to(self, file: &Path) -> PathBuf {
        let kept = file.with_extension("kept");
        match self {
            Self::Moves => fs::rename(file, &kept).unwrap(),
            Self::Deletes => fs::remove_file(file).unwrap(),
            Self::Replaces => {
                fs::copy(file, file.with_extension("copy")).unwrap();
                fs::rename(file, &kept).unwrap();
                fs::rename(file.with_extension("copy"), file).unwrap();
            }
        }
        kept
    }
}

async fn users(store: &dyn Store) -> Result<bool, Error> {
    store.user_create(new_user()).await
}

#[rstest]
#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_nobody_will_find_again(
    #[values(Deed::Moves, Deed::Deletes, Deed::Replaces)] deed: Deed,
    #[values("countersign.db", "countersign.db-wal", "countersign.db-shm")] file: &str,
) {
    let database = Database::empty(Backend::Sqlite).await;
    let store = database.store().await;
    assert!(users(store.as_ref()).await.unwrap());
    let kept = deed.to(&database.folder().join(file));
    let refused = users(store.as_ref()).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    let refused = store.check().await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    // Another process may have ended a session in the file that took this one's place.
    let read = store.revocation_head().await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    if kept.exists() {
        fs::rename(kept, database.folder().join(file)).unwrap();
        store.check().await.unwrap();
        assert!(users(store.as_ref()).await.unwrap());
    }
}

/// The server is not ready at once, not only when readiness has its turn.
#[tokio::test]
async fn a_server_whose_file_is_gone_is_not_ready_until_it_is_back() {
    let server = Server::start_with(Backend::Sqlite, |_, environment| {
        environment.check_every = Duration::from_secs(3600);
    })
    .await;
    becomes(&server, ServingStatus::Serving).await;
    let file = server.database.folder().join("countersign.db");
    for _ in 0..2 {
        let kept = Deed::Moves.to(&file);
        // TokenService goes on: the key set is in memory.
        is(&server, AUTH, ServingStatus::NotServing).await;
        let refused = server.register(registration(false)).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::Unavailable, "STORE_UNAVAILABLE"));
        fs::rename(kept, &file).unwrap();
        becomes(&server, ServingStatus::Serving).await;
        server.user(false).await;
    }
}

#[tokio::test]
async fn the_log_says_once_which_file_is_gone_and_makes_no_other() {
    let database = Database::empty(Backend::Sqlite).await;
    let mut running = Running::start(serve(&database));
    running.wait_for_log("ready");
    let file = database.folder().join("countersign.db");
    Deed::Deletes.to(&file);
    let line = running.wait_for_log("moved, replaced or deleted under the server");
    assert!(line.contains("ERROR") && line.contains(file.to_str().unwrap()), "{line}");
    running.wait_for_log("not ready");
    running.signal("TERM");
    assert!(running.wait().await.success());
    let said = running.logged.matches("moved, replaced or deleted under the server").count();
    assert_eq!(said, 1, "{}", running.logged);
    assert!(!file.exists(), "the file was made anew");
}

/// A mistyped path would otherwise be an empty database: no such user, no events, another signing key.
#[rstest]
#[case(&["keys", "list"])]
#[case(&["keys", "rotate"])]
#[case(&["keys", "reencrypt"])]
#[case(&["events"])]
#[case(&["user", "disable", "alice"])]
#[case(&["user", "disable-2fa", "alice"])]
#[case(&["seed", "--users=1"])]
#[tokio::test]
async fn a_command_on_a_mistyped_path_makes_no_file(#[case] arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut mistyped = command(arguments);
    mistyped.current_dir(folder.path()).env("DATABASE_URL", "sqlite://datta/countersign.db");
    let (result, said) = output(mistyped);
    let path = folder.path().canonicalize().unwrap().join("datta/countersign.db");
    assert!(!result.status.success(), "{said}");
    assert!(said.contains(&format!("there is no database at {}", path.display())), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_path_that_cannot_be_used_is_told_in_full_with_who_asked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), "not a folder").unwrap();
    let mut start = command(&["serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0"]);
    start.current_dir(folder.path());
    let (result, said) = output(start);
    assert!(!result.status.success());
    let path = folder.path().join("data/countersign.db");
    let user = rustix::process::geteuid().as_raw();
    for part in [path.to_str().unwrap(), &format!("this process is user {user}, group "), "mode 0"]
    {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

/// `command`, which goes on when a file would get larger than it may: a write then fails as on a full disk.
fn without_signal(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#]).arg(command.get_program());
    shell.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// The disk of that process has no room from now on; or has some again.
fn set_full(process: &Running, full: bool) {
    let id = Pid::from_raw(process.id().try_into().unwrap());
    let rlimit = getrlimit(Resource::Fsize);
    let limit = Rlimit { current: full.then_some(0).or(rlimit.current), ..rlimit };
    prlimit(id, Resource::Fsize, limit).unwrap();
}

#[tokio::test]
async fn with_a_full_disk_it_is_not_ready_until_there_is_room_again() {
    let database = Database::empty(Backend::Sqlite).await;
    let mut running = Running::start(without_signal(&serve(&database)));
    running.wait_for_log("ready");
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    set_full(&running, true);
    for _ in 0..2 {
        let full = soon("Register", auth.register(registration(false))).await.unwrap_err();
        assert_eq!((full.code(), &*reason(&full)), (Code::Unavailable, "STORE_UNAVAILABLE"));
    }
    running.wait_for_log("not ready");
    set_full(&running, false);
    running.wait_for_log("ready");
    auth.register(registration(false)).await.unwrap();
    drop(auth);
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);
}
