//! A Postgres cluster for this run: made on first use, gone at the end, however the run ends.

#![expect(clippy::disallowed_methods, reason = "where Postgres is, the environment says")]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// Makes a cluster, says where, and removes it once its standard input ends: even a killed test run ends that.
const CLUSTER: &str = include_str!("../../../scripts/postgres-cluster");

#[derive(Debug)]
pub struct Cluster {
    pub(super) url: String,
    /// Its standard input is open for as long as this process lives.
    _keeper: Child,
}

/// The URL of the cluster's `postgres` database: that of TEST_DATABASE_URL, or of a cluster of our own.
pub(super) fn admin_url() -> &'static str {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    match CLUSTER.get_or_init(start) {
        Ok(cluster) => &cluster.url,
        Err(problem) => panic!("{problem}"),
    }
}

/// Whether the cluster is gone after this run, with all that is in it.
pub(super) fn is_ours() -> bool {
    std::env::var_os("TEST_DATABASE_URL").is_none()
}

/// Another cluster, for a test that needs a server of its own, with options of `postgres`.
pub fn cluster_with(options: &str) -> Cluster {
    let boot = || boot(keeper(&find_binaries()?, options)?, None);
    boot().unwrap_or_else(|problem| panic!("{problem}"))
}

fn start() -> Result<Cluster, String> {
    match std::env::var("TEST_DATABASE_URL") {
        // Nothing to keep: `cat` ends with us as the cluster's keeper would.
        Ok(url) => boot(Command::new("cat"), Some(url)),
        Err(_) => boot(keeper(&find_binaries()?, "")?, None),
    }
}

fn boot(mut shell: Command, url: Option<String>) -> Result<Cluster, String> {
    let mut keeper = shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {shell:?}: {error}"))?;
    if let Some(url) = url {
        return Ok(Cluster { url, _keeper: keeper });
    }
    let mut folder = String::new();
    let output = keeper.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut folder).map_err(|error| error.to_string())?;
    if folder.is_empty() {
        return Err("Postgres did not start: its log is above".to_owned());
    }
    let url = format!("postgres://postgres@localhost/postgres?host={}", folder.trim());
    Ok(Cluster { url, _keeper: keeper })
}

fn keeper(binaries: &Path, options: &str) -> Result<Command, String> {
    keeper_of(CLUSTER, binaries, options)
}

/// A shell that runs `script` as somebody whom Postgres does not refuse.
pub(super) fn shell(script: &str) -> Result<Command, String> {
    keeper_of(script, &find_binaries()?, "")
}

fn keeper_of(script: &str, binaries: &Path, options: &str) -> Result<Command, String> {
    // Postgres refuses root.
    let mut shell = if is_root()? {
        let mut command = Command::new("runuser");
        let user = if exists("postgres") { "postgres" } else { "nobody" };
        command.args(["-u", user, "--", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    shell.args(["-c", script, "sh"]).arg(binaries).arg(options).current_dir("/");
    Ok(shell)
}

/// The folder of initdb: on PATH, else the newest that Debian's packages have put in place.
fn find_binaries() -> Result<PathBuf, String> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = debian.map(|version| version.path().join("bin")).collect();
    versions.sort_by_key(|path| {
        let version = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        version.and_then(|version| version.parse::<u32>().ok())
    });
    std::env::split_paths(&on_path)
        .chain(versions.into_iter().rev())
        .find(|folder| folder.join("initdb").is_file())
        .ok_or_else(|| {
            "the tests need Postgres: install it (Debian: apt-get install postgresql), or set TEST_DATABASE_URL, or \
             run ./scripts/test, which does so"
                .to_owned()
        })
}

fn is_root() -> Result<bool, String> {
    let id = Command::new("id").arg("-u").output().map_err(|error| format!("id: {error}"))?;
    Ok(id.stdout.trim_ascii() == b"0")
}

fn exists(user: &str) -> bool {
    Command::new("id").arg(user).output().is_ok_and(|id| id.status.success())
}
