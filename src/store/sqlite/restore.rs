//! Replaces the database by a back-up: checked first, written aside, renamed (ADR 25).

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::{
    Sqlite, content,
    content::Content,
    draft::{Draft, Progress, failed, size},
    file, files, options,
};
use crate::{
    domain::Timestamp,
    store::{Database as _, Error, Result, migrations},
};

/// A restore in progress: the back-up is copied beside the database and checked. It locks the database. Dropped, it leaves
/// everything as it was.
#[derive(Debug)]
pub struct Restore {
    draft: Draft,
    database: PathBuf,
    url: String,
    /// The contents of the back-up.
    pub content: Content,
    _alone: File,
}

/// The result of a restore, and the database before it.
#[derive(Debug)]
pub struct Restored {
    /// The database.
    pub path: PathBuf,
    /// The previous database, if there was one; it is kept beside.
    pub kept: Option<PathBuf>,
    /// The contents of that one, if it can be read.
    pub replaced: Option<Content>,
}

impl Restore {
    /// Copies the back-up `from` beside the database of `url`, and checks that it is intact and ours.
    ///
    /// # Errors
    /// A bad URL; a database that is in use, or was not closed; a back-up that is damaged, of a later release, or not ours.
    pub async fn begin(url: &str, from: &Path, progress: Progress<'_>) -> Result<Self> {
        let database = std::path::absolute(file(url)?).map_err(failed("find", from))?;
        // A mistyped path makes neither a folder nor a lock.
        drop(File::open(from).map_err(failed("copy", from))?);
        files::make_folder(&database).map_err(failed("make the folder of", &database))?;
        // A symbolic link stays; its target is replaced.
        let database = database.canonicalize().unwrap_or(database);
        refuse_left_overs(
            from,
            &["-wal", "-journal"],
            "is not whole without it: copy both, open and close the copy with \
            `countersign migrate`, and restore that",
        )?;
        let alone = files::lock_for_restore(&database).map_err(failed("lock", &database))?;
        let alone = alone.filter(|_| !is_open_elsewhere(&database));
        let alone = alone.ok_or_else(|| in_use(&database))?;
        refuse_left_overs(
            &database,
            &["-wal", "-shm", "-journal"],
            "was not closed, and its last commits would get into \
            what is restored: start and stop the server once, or move all of its files away",
        )?;
        let draft = Draft::beside(&database)?;
        let copied = draft.grows(copy(from, draft.path()), size(from), progress).await;
        copied.map_err(failed("copy", from))?;
        let content = check(draft.path(), from).await?;
        Ok(Self { draft, database, url: url.to_owned(), content, _alone: alone })
    }

    /// The store on the copy, migrated. It must be closed before [`finish`](Self::finish).
    ///
    /// # Errors
    /// A migration that fails, as it does for another program's database.
    pub async fn store(&self) -> Result<Sqlite> {
        let store = Sqlite::on(options(&self.url)?.filename(self.draft.path()), 2, None).await?;
        store.migrate().await?;
        store.check().await?;
        Ok(store)
    }

    /// Renames the copy to the database's name. The previous file is kept beside under another name.
    ///
    /// # Errors
    /// A file that can't be renamed; then the database is unchanged.
    pub async fn finish(self, now: Timestamp) -> Result<Restored> {
        let Self { draft, database, .. } = self;
        if files::beside(draft.path(), "-wal").exists() {
            return Err(Error::File("what is to be restored was not closed".into()));
        }
        files::belong_to_owner_of(&draft.sync()?, &database);
        let replaced = Content::at_rest(&database).await;
        let kept = keep(&database, now).map_err(failed("keep", &database))?;
        draft.replace(&database)?;
        Ok(Restored { path: database, kept, replaced })
    }
}

fn in_use(database: &Path) -> Error {
    Error::File(format!(
        "{} is in use, by a server or by another command: stop it first",
        database.display()
    ))
}

/// Whether another process without our lock has the database open: a server of an earlier release, or an SQLite shell. With
/// a write-ahead log each connection holds a lock on these bytes as long as it lives
/// (<https://www.sqlite.org/lockingv3.html>).
fn is_open_elsewhere(database: &Path) -> bool {
    const PENDING_BYTE: u64 = 0x4000_0000;
    let asked = Flock {
        start: PENDING_BYTE,
        length: 512,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    };
    // Opened for writing, because the query is about a write lock.
    let file = fs::OpenOptions::new().read(true).write(true).open(database);
    file.is_ok_and(|file| fcntl_getlk(&file, &asked).is_ok_and(|holder| holder.is_some()))
}

fn refuse_left_overs(path: &Path, ends: &[&str], why: &str) -> Result<()> {
    match ends.iter().map(|end| files::beside(path, end)).find(|file| file.exists()) {
        Some(left) => {
            let (left, path) = (left.display(), path.display());
            Err(Error::File(format!("{left} lies beside {path}, which {why}")))
        }
        None => Ok(()),
    }
}

async fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (from.to_owned(), to.to_owned());
    let copy = move || {
        let (mut from, mut to) = (File::open(from)?, fs::OpenOptions::new().write(true).open(to)?);
        io::copy(&mut from, &mut to).map(drop)
    };
    tokio::task::spawn_blocking(copy).await.map_err(io::Error::other).flatten()
}

/// Checks the copy: the original may be on a read-only medium, and may change at any time.
async fn check(copy: &Path, from: &Path) -> Result<Content> {
    let not_whole = |why: String| Error::File(format!("{} is not whole: {why}", from.display()));
    let damaged = |error: Error| not_whole(chain(&error));
    let mut connection = content::open(copy).await.map_err(damaged)?;
    let content = Content::of(&mut connection, from).await;
    let content = content
        .map_err(|error| if matches!(error, Error::File(_)) { error } else { damaged(error) })?;
    let newest = migrations::latest(migrations::SQLITE);
    if content.schema > newest {
        let text = format!(
            "{} is of a later release (its schema has the number {}, that of this release {newest}): restore it with that one",
            from.display(),
            content.schema
        );
        return Err(Error::File(text));
    }
    // A copy of a file that was open with a write-ahead log would create another one here.
    connection.execute("PRAGMA journal_mode = DELETE").await?;
    if let Some(fault) = fault(&mut connection).await.map_err(damaged)? {
        return Err(not_whole(fault));
    }
    connection.close().await?;
    Ok(content)
}

/// The first integrity error of a database.
async fn fault(connection: &mut SqliteConnection) -> Result<Option<String>> {
    let said: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await?;
    if said != "ok" {
        return Ok(Some(said));
    }
    let lost: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pragma_foreign_key_check")
        .fetch_one(connection)
        .await?;
    Ok((lost > 0).then(|| format!("{lost} rows belong to none")))
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Gives the present database a second name: it is never missing, even if the power fails now.
fn keep(database: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    let kept = files::beside(database, &format!("-replaced-{}", now.unix_seconds()));
    if fs::hard_link(database, &kept).is_err() {
        fs::copy(database, &kept)?;
        File::open(&kept)?.sync_all()?;
    }
    Ok(Some(kept))
}
