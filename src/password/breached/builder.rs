//! Writes a file of keys that come in their order: a stream in, two streams out (index, entries), and nothing kept.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::{
    key::{Key, Place},
    layout::{Facts, HEADER, bits_for},
    section::Section,
};
use crate::domain::Timestamp;

/// A file that is being made. It gets its name when it is finished: nobody sees half of one.
pub struct Builder {
    path: PathBuf,
    draft: PathBuf,
    file: File,
    bits: u32,
    index: Section,
    entries: Section,
    /// Entries so far.
    count: u64,
    /// The bucket after the current one, and how many entries are before the current one.
    next_bucket: u64,
    before_bucket: u64,
    widest: u64,
    last: Option<(Key, Place)>,
    is_finished: bool,
}

impl Builder {
    /// Begins a file for about so many entries, beside its place. What an earlier one has left there is overwritten.
    ///
    /// # Errors
    /// The file's; another process makes it.
    pub fn create(path: &Path, expected: u64) -> io::Result<Self> {
        let mut draft = OsString::from(path);
        draft.push(".part");
        let draft = PathBuf::from(draft);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&draft)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process makes it just now"),
            TryLockError::Error(error) => error,
        })?;
        file.set_len(0)?;
        let bits = bits_for(expected);
        let empty = Facts {
            entries: 0,
            made_at: Timestamp::from_unix_micros(0),
            at_least: 0,
            bits,
            widest: 0,
        };
        Ok(Self {
            path: path.to_owned(),
            draft,
            file,
            bits,
            index: Section::at(HEADER),
            entries: Section::at(empty.entries_at()),
            count: 0,
            next_bucket: 0,
            before_bucket: 0,
            widest: 0,
            last: None,
            is_finished: false,
        })
    }

    /// Whether a key may come now: keys come in their order.
    pub fn takes(&self, key: Key) -> bool {
        self.last.is_none_or(|(last, _)| last <= key)
    }

    /// Adds a key. One that the file could not tell from the last one is in it already.
    ///
    /// # Errors
    /// The file's; the key is not in order.
    pub fn add(&mut self, key: Key) -> io::Result<()> {
        if !self.takes(key) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the keys are not in order"));
        }
        let place = key.place(self.bits);
        if self.last.replace((key, place)).is_some_and(|(_, last)| last == place) {
            return Ok(());
        }
        self.go_to(place.bucket)?;
        self.entries.write(&self.file, &place.remainder.to_le_bytes())?;
        self.count += 1;
        Ok(())
    }

    /// Ends the file, makes it durable, and gives it its name. One that was there is replaced; who has it open keeps it.
    ///
    /// # Errors
    /// The file's.
    pub fn finish(mut self, made_at: Timestamp, at_least: u64) -> io::Result<Facts> {
        // The last item of the index is the number of all entries.
        self.go_to(1 << self.bits)?;
        let (bits, entries, widest) = (self.bits, self.count, self.widest);
        let facts = Facts { entries, made_at, at_least, bits, widest };
        let index = std::mem::replace(&mut self.index, Section::at(0)).finish(&self.file)?;
        let content = std::mem::replace(&mut self.entries, Section::at(0)).finish(&self.file)?;
        self.file.write_all_at(&facts.header(&index, &content), 0)?;
        self.file.sync_all()?;
        fs::rename(&self.draft, &self.path)?;
        self.is_finished = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(facts)
    }

    /// Writes the index up to that bucket.
    fn go_to(&mut self, bucket: u64) -> io::Result<()> {
        if bucket < self.next_bucket {
            return Ok(());
        }
        self.widest = self.widest.max(self.count - self.before_bucket);
        self.before_bucket = self.count;
        while self.next_bucket <= bucket {
            self.index.write(&self.file, &self.count.to_le_bytes())?;
            self.next_bucket += 1;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("path", &self.path).field("count", &self.count).finish()
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        if !self.is_finished {
            // Of no use to anybody. If it stays, the next one overwrites it.
            let _removed = fs::remove_file(&self.draft);
        }
    }
}
