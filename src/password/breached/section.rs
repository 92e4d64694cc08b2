//! A part of a file that is written from its beginning to its end, beside others.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use aws_lc_rs::digest::{Context, SHA256};

/// Bytes that are written at a time.
const CHUNK: usize = 256 * 1024;

/// The part, its SHA-256, and what is yet to be written.
pub(super) struct Section {
    at: u64,
    waiting: Vec<u8>,
    checksum: Context,
}

impl Section {
    /// A part from that byte on.
    pub(super) fn at(at: u64) -> Self {
        Self { at, waiting: Vec::with_capacity(CHUNK + 8), checksum: Context::new(&SHA256) }
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// The file's.
    pub(super) fn write(&mut self, file: &File, bytes: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < CHUNK { Ok(()) } else { self.flush(file) }
    }

    /// Writes what is left. Returns the SHA-256 of the part.
    ///
    /// # Errors
    /// The file's.
    pub(super) fn finish(mut self, file: &File) -> io::Result<Vec<u8>> {
        self.flush(file)?;
        Ok(self.checksum.finish().as_ref().to_vec())
    }

    fn flush(&mut self, file: &File) -> io::Result<()> {
        file.write_all_at(&self.waiting, self.at)?;
        self.checksum.update(&self.waiting);
        self.at += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}
