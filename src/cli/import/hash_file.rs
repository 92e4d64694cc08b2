//! Auth0's second file: the password hashes that its support sends, a JSON line for each user.
//!
//! Only where each line stands is kept, 12 bytes a user: 60 MiB for five million.

use std::{
    fs::File,
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use super::{
    frames::{FileError, LARGEST},
    object::Object,
};

/// The file, and where in it is the line of each user.
#[derive(Debug)]
pub(crate) struct HashFile {
    file: BufReader<File>,
    /// Sorted: 56 bits of the id's digest, then 40 of the place.
    places: Vec<[u32; 3]>,
    used: u64,
}

impl HashFile {
    /// Reads where the lines are.
    ///
    /// # Errors
    /// A file that can't be read, or has a line that is not of a user.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
        let (mut places, mut place, mut line, mut text) = (Vec::new(), 0, 0, Vec::new());
        loop {
            text.clear();
            let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX);
            let read = (&mut file).take(limit).read_until(b'\n', &mut text)?;
            if read == 0 {
                break;
            }
            line += 1;
            if !text.iter().all(u8::is_ascii_whitespace) {
                let id = parse(&text).and_then(|user| id(&user));
                places.push(entry(&id.ok_or(FileError::NoHash { line })?, place));
            }
            place += u64::try_from(read).unwrap_or_default();
        }
        places.sort_unstable();
        Ok(Self { file, places, used: 0 })
    }

    /// The line of a user, by the id without `auth0|`.
    pub(crate) fn user(&mut self, user: &str) -> Result<Option<Object>, FileError> {
        let wanted = entry(user, 0);
        let begin = self.places.partition_point(|entry| *entry < wanted);
        for index in begin..self.places.len() {
            let [high, low, offset] = self.places[index];
            if high != wanted[0] || low >> 8 != wanted[1] >> 8 {
                break;
            }
            let place = u64::from(low & 0xff) << 32 | u64::from(offset);
            let Some(found) = self.at(place)? else { continue };
            if id(&found).as_deref() == Some(user) {
                self.used += 1;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// How many lines no user had.
    pub(crate) fn unused(&self) -> u64 {
        u64::try_from(self.places.len()).unwrap_or(u64::MAX).saturating_sub(self.used)
    }

    fn at(&mut self, place: u64) -> Result<Option<Object>, FileError> {
        // Both files are in one order as a rule: then the line is in the buffer.
        let here = self.file.stream_position()?;
        match i64::try_from(i128::from(place) - i128::from(here)) {
            Ok(distance) => self.file.seek_relative(distance)?,
            Err(_) => drop(self.file.seek(SeekFrom::Start(place))?),
        }
        let mut text = Vec::new();
        self.file.read_until(b'\n', &mut text)?;
        Ok(parse(&text))
    }
}

fn parse(text: &[u8]) -> Option<Object> {
    // A byte order mark stands before the first line alone.
    serde_json::from_slice(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)).ok()
}

/// The id: the one that the customer gave, or Auth0's own.
fn id(user: &Object) -> Option<String> {
    let own = || {
        let id = user.get("_id")?;
        id.as_str().or_else(|| id.get("$oid")?.as_str())
    };
    let given = user.get("alt_id").and_then(|id| id.as_str());
    given.or_else(own).map(str::to_owned)
}

fn entry(id: &str, place: u64) -> [u32; 3] {
    let digest = BuildHasherDefault::<DefaultHasher>::default().hash_one(id).to_be_bytes();
    let place = place.to_be_bytes();
    let word = |bytes: [u8; 4]| u32::from_be_bytes(bytes);
    [
        word([digest[0], digest[1], digest[2], digest[3]]),
        word([digest[4], digest[5], digest[6], place[3]]),
        word([place[4], place[5], place[6], place[7]]),
    ]
}
