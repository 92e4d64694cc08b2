//! Checks that files are private to their owner.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

/// Refuses a file that its group or others can read or change. With an access control list, the mode's group part is the
/// most that the list grants.
///
/// # Errors
/// The file is accessible to others; the text says its mode and the remedy.
pub(crate) fn check(path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o066 == 0 {
        return Ok(());
    }
    let path = path.display();
    let text = format!("others can read or change it (mode {mode:04o}): run `chmod 600 {path}`");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}
