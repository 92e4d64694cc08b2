//! A list in use: looks a password up.

use std::{fs, fs::File, io, os::unix::fs::FileExt as _, path::Path};

use aws_lc_rs::digest::{Context, SHA256};

use super::{
    error::OpenError,
    key::Key,
    layout::{ENTRY, Facts, HEADER, ITEM},
};
use crate::domain::Password;

/// Bytes that are read at a time where all are.
const CHUNK: usize = 1 << 20;

/// A list. It stays what it was when the file is replaced by another one (renamed over): this one is open.
#[derive(Debug)]
pub struct Breached {
    file: File,
    facts: Facts,
}

impl Breached {
    /// Opens a list. Reads its header alone: [`Breached::check`] looks at the rest.
    ///
    /// # Errors
    /// The file can't be read, is no list, has another version or another size than it should have.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        // To open a pipe would wait for somebody who writes.
        if !fs::metadata(path)?.is_file() {
            return Err(OpenError::Foreign);
        }
        let file = File::open(path)?;
        let facts = Facts::read(&file)?;
        Ok(Self { file, facts })
    }

    /// What is known of it.
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// Whether a password is on the list, as it was typed or in NFC: lists have what others took, which is what was typed. Reads from
    /// the file, which takes microseconds, or as long as the disk takes.
    ///
    /// # Errors
    /// The file can't be read, or its index is broken.
    pub fn contains(&self, password: &Password) -> io::Result<bool> {
        for text in [Some(password.expose()), password.typed()].into_iter().flatten() {
            if self.has(Key::of(text))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same for a key.
    ///
    /// # Errors
    /// The same.
    pub fn has(&self, key: Key) -> io::Result<bool> {
        let place = key.place(self.facts.bits);
        let mut ends = [[0; 8]; 2];
        self.file.read_exact_at(ends.as_flattened_mut(), HEADER + ITEM * place.bucket)?;
        let [from, to] = ends.map(u64::from_le_bytes);
        // Bounds what is read next, whatever the file has become.
        let count = to.checked_sub(from).filter(|count| *count <= self.facts.widest);
        let bytes =
            count.filter(|_| to <= self.facts.entries).map(|count| usize::try_from(ENTRY * count));
        let Some(Ok(bytes)) = bytes else {
            let text = "the index of the list of breached passwords is broken";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        };
        let mut bucket = vec![0; bytes];
        self.file.read_exact_at(&mut bucket, self.facts.entries_at() + ENTRY * from)?;
        let (entries, _) = bucket.as_chunks();
        let found =
            entries.binary_search_by_key(&place.remainder, |entry| u32::from_le_bytes(*entry));
        Ok(found.is_ok())
    }

    /// Reads the whole file, and says whether it is what was written. `progress` is told how many bytes have been read since it was
    /// told last.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn check(&self, progress: &mut dyn FnMut(u64)) -> io::Result<bool> {
        let (entries_at, end) = (self.facts.entries_at(), self.facts.bytes());
        let index = self.checksum(HEADER, entries_at, progress)?;
        let entries = self.checksum(entries_at, end, progress)?;
        let should = self.facts.header(&index, &entries);
        let mut is = vec![0; should.len()];
        self.file.read_exact_at(&mut is, 0)?;
        Ok(is == should)
    }

    /// The SHA-256 of the bytes from one place to another.
    fn checksum(&self, from: u64, to: u64, progress: &mut dyn FnMut(u64)) -> io::Result<Vec<u8>> {
        let (mut checksum, mut chunk) = (Context::new(&SHA256), vec![0; CHUNK]);
        let mut at = from;
        while at < to {
            let length = usize::try_from(to - at).map_or(CHUNK, |left| left.min(CHUNK));
            self.file.read_exact_at(&mut chunk[..length], at)?;
            checksum.update(&chunk[..length]);
            at += length as u64;
            progress(length as u64);
        }
        Ok(checksum.finish().as_ref().to_vec())
    }
}
