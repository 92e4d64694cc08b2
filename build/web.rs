//! The files of the pages, as the server has them in its binary: compressed as well, and each with the name of its content.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Write as _},
    path::Path,
};

use flate2::{Compression, GzBuilder};

/// Writes `FILE.gz` and `FILE.etag` for each file of a folder to another.
pub(crate) fn prepare(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            prepare(&path, &target)?;
        } else {
            let content = fs::read(&path)?;
            fs::write(target.with_added_extension("gz"), compressed(&content)?)?;
            fs::write(target.with_added_extension("etag"), etag(&content))?;
        }
    }
    Ok(())
}

/// The same bytes for the same content: without a time.
fn compressed(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
    writer.write_all(content)?;
    writer.finish()
}

/// Weak: that of the content, compressed or not (RFC 9110, section 8.8.1).
fn etag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}
