//! The database's files: private to their owner, and locked, so that a restore replaces none in use.
//! That they were moved, replaced or deleted while in use is detected in `presence`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    process::{getegid, geteuid},
};

use crate::store::{Error, Result, private_file};

/// Files that SQLite keeps beside an open database with a write-ahead log.
pub(super) const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Handling of a missing database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It is created, and its folder if need be.
    Make,
    /// It is an error: a mistyped path must not create an empty database that answers every query with nothing.
    Refuse,
}

/// A file beside `path`: its name with an ending.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Ensures that there is an accessible database file, and returns its absolute path, without symbolic links: SQLite puts
/// its other files beside that one. A new file is private to its owner, for it holds password hashes. SQLite gives the
/// files beside it the same permissions.
pub(super) fn prepare(path: &Path, absent: Absent) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(|error| unusable(path, &error))?;
    match absent {
        Absent::Make => make(&absolute).map_err(|error| unusable(&absolute, &error))?,
        Absent::Refuse if !absolute.exists() => return Err(missing(&absolute)),
        Absent::Refuse => {}
    }
    let path = absolute.canonicalize().map_err(|error| unusable(&absolute, &error))?;
    // Never opens an existing file: closing it again would release the locks that SQLite holds on it in this process
    // (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).
    let usable = access(&path, Access::READ_OK | Access::WRITE_OK)
        .and_then(|()| access(folder(&path), Access::WRITE_OK | Access::EXEC_OK));
    usable.map_err(|error| unusable(&path, &error.into()))?;
    check_private(&path)?;
    Ok(path)
}

fn make(path: &Path) -> io::Result<()> {
    make_folder(path)?;
    match OpenOptions::new().append(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(|_file| ()),
    }
}

/// Creates the folder of a database, if need be, for its owner alone.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder(path))
}

pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        // A bare file name.
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("/"),
    }
}

fn missing(path: &Path) -> Error {
    let path = path.display();
    Error::Url(format!("there is no database at {path}: `serve` and `migrate` make one"))
}

/// The reason why a path is unusable, with what an operator needs to mend it: this process's user, and the owners of the
/// file and the folder. In a container neither is what people expect.
fn unusable(path: &Path, error: &io::Error) -> Error {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let owners: String = [path, folder(path)].into_iter().filter_map(owner).collect();
    let path = path.display();
    Error::Url(format!("{path}: {error}; this process is user {user}, group {group}{owners}"))
}

fn owner(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    let (user, group) = (metadata.uid(), metadata.gid());
    let mode = metadata.permissions().mode() & 0o7777;
    Some(format!("; {} belongs to {user}:{group}, mode {mode:04o}", path.display()))
}

/// Refuses files that others can read: an older release, a copy or a back-up may have left them so.
fn check_private(path: &Path) -> Result<()> {
    for end in ["", BESIDE[0], BESIDE[1]] {
        let path = beside(path, end);
        let checked = match fs::metadata(&path) {
            Ok(metadata) => private_file::check(&path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        checked.map_err(|error| Error::NotPrivate(format!("{}: {error}", path.display())))?;
    }
    Ok(())
}

/// Takes the shared lock on the database, held as long as the returned file is open.
pub(super) fn lock_for_use(path: &Path) -> Result<File> {
    let lock = lock_file(path).map_err(|error| unusable(path, &error))?;
    match lock.try_lock_shared() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Error::Unavailable("`countersign restore` is replacing the database".into()))
        }
        Err(TryLockError::Error(error)) => Err(unusable(path, &error)),
    }
}

/// Takes the exclusive lock on the database, held as long as the returned file is open; `None` if it is in use.
pub(super) fn lock_for_restore(path: &Path) -> io::Result<Option<File>> {
    let lock = lock_file(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A lock file of its own, which stays: SQLite's locks are on the database itself, and one process may have it open many
/// times.
fn lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o600).open(beside(path, "-lock"))?;
    belong_to_owner_of(&file, path);
    Ok(file)
}

/// Gives a file created by root to the owner of the database, or of its folder: the server must be able to open it.
pub(super) fn belong_to_owner_of(file: &File, database: &Path) {
    let owner = fs::metadata(database).or_else(|_| fs::metadata(folder(database)));
    if geteuid().is_root()
        && let Ok(owner) = owner
    {
        // A file system without owners refuses, and needs none.
        let _refused = fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
}

/// Flushes the folder's entries (fsync): only then does a new name survive a power failure.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}
