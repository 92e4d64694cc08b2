//! Files that are written aside and renamed once they are complete (atomic replacement).

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::files::{beside, sync_folder};
use crate::store::{Error, Result};

/// Interval of progress reports.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Receives the bytes done and their total.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// A file private to its owner, without its final name. Dropped without one, it is deleted.
#[derive(Debug)]
pub(super) struct Draft(PathBuf);

impl Draft {
    /// Creates an empty one in the folder of `path`: a rename never crosses file systems.
    pub(super) fn beside(path: &Path) -> Result<Self> {
        let draft = beside(path, &format!("-{}.draft", uuid::Uuid::now_v7()));
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
        made.map_err(failed("make", &draft))?;
        Ok(Self(draft))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Flushes the file to the disk (fsync).
    pub(super) fn sync(&self) -> Result<File> {
        let file = File::open(&self.0).map_err(failed("open", &self.0))?;
        file.sync_all().map_err(failed("write", &self.0))?;
        Ok(file)
    }

    /// Gives it the name `path`, which must be free.
    pub(super) fn name(self, path: &Path) -> Result<()> {
        self.sync()?;
        link_or_rename(&self.0, path).and_then(|()| sync_folder(path)).map_err(failed("make", path))
    }

    /// Gives it the name `path`, in place of the file that has it.
    pub(super) fn replace(self, path: &Path) -> Result<()> {
        self.sync()?;
        fs::rename(&self.0, path).and_then(|()| sync_folder(path)).map_err(failed("replace", path))
    }

    /// Waits for `work`, and reports the file's size meanwhile.
    pub(super) async fn grows<T>(
        &self,
        work: impl Future<Output = T>,
        total: u64,
        progress: Progress<'_>,
    ) -> T {
        let mut ticks = tokio::time::interval(TELL_EVERY);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => progress(size(&self.0).min(total), total),
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for end in ["", "-journal", "-wal", "-shm"] {
            // It has its name by now, or never had a file beside it.
            let _gone = fs::remove_file(beside(&self.0, end));
        }
    }
}

/// A hard link, because it fails where a file exists, even one created just now (no time-of-check to time-of-use race). On
/// a file system without hard links, a file created under this name within these microseconds is overwritten.
fn link_or_rename(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => {
            fs::rename(draft, path)
        }
        linked => linked,
    }
}

/// The size in bytes; 0 if there is no file.
pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// An error that names the file and the failed action.
pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |error| Error::File(format!("cannot {what} {path}: {error}"))
}
