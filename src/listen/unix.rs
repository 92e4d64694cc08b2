//! The file of a Unix socket: made so that its group can connect, replaced if its server is gone, removed at the end.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Owner and group may connect: a proxy or a sidecar shares the group.
const MODE: u32 = 0o660;

/// Connections that the system keeps until they are accepted, as for TCP.
const BACKLOG: u32 = 1024;

/// A listening socket. Its file is removed on drop.
#[derive(Debug)]
pub(super) struct Unix {
    pub(super) socket: UnixListener,
    _file: SocketFile,
}

impl Unix {
    /// Listens at `path`. A file that a server which is gone has left is replaced.
    ///
    /// # Errors
    /// Another server listens there, a file there is no socket, or the system refuses.
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        // Held until the end: of two servers that start at a time, the second would take the first's file for a left one
        // (race).
        let _lock = lock_folder(path)?;
        remove_left(path).await?;
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let file = SocketFile::made(path)?;
        // Before the socket listens: no caller connects under the mode that the umask gave.
        std::fs::set_permissions(path, Permissions::from_mode(MODE))?;
        Ok(Self { socket: socket.listen(BACKLOG)?, _file: file })
    }
}

/// Locks the folder against others that bind there. The lock ends with the returned file, or with the process.
fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = File::open(path.parent().unwrap_or(Path::new("/")))?;
    folder.try_lock().map_err(|_locked| {
        io::Error::new(io::ErrorKind::AddrInUse, "another server is starting in the same folder")
    })?;
    Ok(folder)
}

/// Removes a socket that no server listens on.
async fn remove_left(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            let text = "there is a file that is not a socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        Ok(_socket) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        // Also where its queue is full (EAGAIN), or where we may not connect: it is not ours to remove.
        _live => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens on this socket"))
        }
    }
}

/// The file, known by its inode.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl SocketFile {
    fn made(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), device_and_inode: identity(path)? })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another server's file may be there by now.
        if identity(&self.path).is_ok_and(|identity| identity == self.device_and_inode)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "the socket's file cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_left_socket_is_replaced_and_a_live_one_or_another_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        // As a killed server leaves it.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = Unix::bind(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        let live = Unix::bind(&path).await.unwrap_err();
        assert_eq!(live.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).await.unwrap();
        drop(first);
        assert!(!path.exists());
        std::fs::write(&path, "mine").unwrap();
        let file = Unix::bind(&path).await.unwrap_err();
        assert_eq!(file.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[tokio::test]
    async fn the_file_of_a_successor_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let first = Unix::bind(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let _second = Unix::bind(&path).await.unwrap();
        drop(first);
        UnixStream::connect(&path).await.unwrap();
    }
}
