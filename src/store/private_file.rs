//! Files that are their owner's alone.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

/// Refuses a file that its group or others can read or change. With an access control list, the group's part of the mode
/// tells the most that the list grants.
///
/// # Errors
/// Says its mode and what to do.
pub(crate) fn check(path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o066 == 0 {
        return Ok(());
    }
    let path = path.display();
    let text = format!("others can read or change it (mode {mode:04o}): run `chmod 600 {path}`");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}
