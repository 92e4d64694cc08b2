//! Detects that the database's files were moved, replaced or deleted.
//!
//! An open file goes on working after that: users would be acknowledged into a file that is lost. So device and inode of
//! each file are compared with those of its path: before and after every commit, and four times a second in between.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::files::{BESIDE, beside};
use crate::store::{Error, Result};

/// Interval of checks between writes.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Device and inode: a file's identity, under any name.
type Identity = (u64, u64);

/// The files' identities when the database was opened. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Presence(Arc<Files>);

#[derive(Debug)]
struct Files {
    database: (PathBuf, Identity),
    /// Commits are in the write-ahead log before they are in the database, and the third file tells other processes so.
    /// SQLite may create them a little later than the database.
    beside: [(PathBuf, OnceLock<Identity>); 2],
    gone: AtomicBool,
    /// Whether the database was closed.
    closed: AtomicBool,
    changed: Arc<Notify>,
}

impl Presence {
    /// Records the database's file. `changed` is notified when files go, and when they come back.
    pub(super) fn of(path: &Path, changed: Arc<Notify>) -> io::Result<Self> {
        let database = (path.to_owned(), identity(path)?);
        let beside = BESIDE.map(|end| (beside(path, end), OnceLock::new()));
        let files = Files {
            database,
            beside,
            gone: AtomicBool::default(),
            closed: AtomicBool::default(),
            changed,
        };
        Ok(Self(Arc::new(files)))
    }

    /// Starts the watch, until the last clone is dropped. Only once the database is open: until then the files beside it
    /// may belong to a server that stops and removes them.
    ///
    /// # Errors
    /// The opened file is not the one at the path.
    pub(super) fn watch(&self) -> Result<()> {
        tokio::spawn(look_again_and_again(Arc::downgrade(&self.0)));
        self.check()
    }

    /// Checks the files by three calls of stat, some microseconds: negligible beside a commit's wait for the disk.
    ///
    /// # Errors
    /// The database is away.
    pub(super) fn check(&self) -> Result<()> {
        self.0.look().map_err(|missing| {
            let text = format!("{missing} was moved, replaced or deleted after it was opened");
            Error::Unavailable(text.into())
        })
    }

    /// Ends the watch: files of a closed database may go.
    pub(super) fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    /// Whether the files were gone at the last check.
    pub(super) fn is_gone(&self) -> bool {
        self.0.gone.load(Ordering::Relaxed)
    }
}

impl Files {
    /// # Errors
    /// The path whose file has changed.
    fn look(&self) -> std::result::Result<(), std::path::Display<'_>> {
        let missing = self.missing();
        let gone = missing.is_some();
        if self.gone.swap(gone, Ordering::Relaxed) != gone {
            match missing {
                Some(path) => tracing::error!(
                    path = %path.display(),
                    "a file of the database was moved, replaced or deleted under the server: it refuses writes and is not \
                     ready until the file is back, or until it is started again on what is there now"
                ),
                None => tracing::warn!("the files of the database are back"),
            }
            self.changed.notify_one();
        }
        missing.map_or(Ok(()), |path| Err(path.display()))
    }

    fn missing(&self) -> Option<&Path> {
        let (path, known) = &self.database;
        if identity(path).ok() != Some(*known) {
            return Some(path);
        }
        let moved = |(path, known): &&(PathBuf, OnceLock<Identity>)| {
            let now = identity(path).ok();
            now != known.get().copied().or_else(|| now.map(|now| *known.get_or_init(|| now)))
        };
        self.beside.iter().find(moved).map(|(path, _)| path.as_path())
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

async fn look_again_and_again(files: Weak<Files>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(files) = files.upgrade() else { return };
        if files.closed.load(Ordering::Relaxed) {
            return;
        }
        // Later operations report the loss.
        let _told = files.look();
    }
}
