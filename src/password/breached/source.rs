//! A list as it is published: one file, or a folder with a file for each of the 2^20 first five digits.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{error::BuildError, line::Range};

/// How many ranges there are.
const RANGES: usize = 1 << 20;

/// Bytes of a line, as Pwned Passwords has them: a hash, a colon, a number, an end.
const LINE: u64 = 44;

/// Entries that are expected where nobody knows the size, as of a pipe.
const MANY: u64 = 1 << 30;

/// A list to read.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    /// The files of a folder, ordered; none where the list is one file.
    ranges: Vec<File>,
    /// Its size; `None` if nobody knows.
    bytes: Option<u64>,
}

/// A file of a range. There may be a million of them: their folder is not repeated.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct File {
    range: u32,
    name: Box<str>,
}

impl Source {
    /// Finds the list. With `partial`, ranges may be missing.
    ///
    /// # Errors
    /// It can't be read; a folder has no ranges, not all of them, or one twice.
    pub fn find(path: &Path, partial: bool) -> Result<Self, BuildError> {
        let unreadable = |error| BuildError::Read(path.to_owned(), error);
        let metadata = fs::metadata(path).map_err(unreadable)?;
        let path = path.to_owned();
        if !metadata.is_dir() {
            let bytes = metadata.is_file().then_some(metadata.len());
            return Ok(Self { path, ranges: Vec::new(), bytes });
        }
        let (mut ranges, bytes) =
            files(&path).map_err(|error| BuildError::Read(path.clone(), error))?;
        ranges.sort_unstable();
        check(&path, &ranges, partial)?;
        Ok(Self { path, ranges, bytes: Some(bytes) })
    }

    /// Its size in bytes, if it is known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// About how many hashes it has.
    pub(super) fn expected(&self) -> u64 {
        // The lines of a range are shorter by what is the file's name.
        let line = if self.ranges.is_empty() { LINE } else { LINE - 5 };
        self.bytes.map_or(MANY, |bytes| bytes / line)
    }

    /// Its files, in the order of the hashes.
    pub(super) fn files(&self) -> impl Iterator<Item = (PathBuf, Range)> {
        let whole = self.ranges.is_empty().then(|| (self.path.clone(), Range::default()));
        let of_range =
            |file: &File| (self.path.join(&*file.name), Range { value: file.range, digits: 5 });
        whole.into_iter().chain(self.ranges.iter().map(of_range))
    }
}

/// The files of ranges in a folder, and their bytes.
fn files(folder: &Path) -> io::Result<(Vec<File>, u64)> {
    let (mut files, mut bytes) = (Vec::new(), 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((range, name)) = name.to_str().and_then(|name| Some((range_of(name)?, name)))
        else {
            continue;
        };
        bytes += entry.metadata()?.len();
        files.push(File { range, name: name.into() });
    }
    Ok((files, bytes))
}

/// The range of a file of that name, such as `00000.txt` or `FFFFF`.
fn range_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".txt").unwrap_or(name);
    let is_range = digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_range.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

fn check(folder: &Path, files: &[File], partial: bool) -> Result<(), BuildError> {
    let folder = folder.to_owned();
    if files.is_empty() {
        return Err(BuildError::NoRanges(folder));
    }
    if let Some(pair) = files.windows(2).find(|pair| pair[0].range == pair[1].range) {
        return Err(BuildError::TwoOfARange { folder, range: pair[0].range });
    }
    if files.len() < RANGES && !partial {
        let first = (0..).zip(files).find(|(range, file)| *range != file.range);
        let first = first.map_or(files.len().try_into().unwrap_or_default(), |(range, _)| range);
        return Err(BuildError::MissingRanges { folder, first, others: RANGES - files.len() - 1 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_ranges_are_known_by_their_names() {
        for (name, range) in [
            ("00000", Some(0)),
            ("fffff.txt", Some(0xfffff)),
            ("5BAA6.txt", Some(0x5baa6)),
            ("5BAA.txt", None),
            ("5BAA6.gz", None),
            ("5BAA6.txt.part", None),
            ("+BAA6", None),
            ("README", None),
        ] {
            assert_eq!(range_of(name), range, "{name}");
        }
    }

    #[test]
    fn a_range_that_is_missing_or_there_twice_is_named() {
        let file = |range, name: &str| File { range, name: name.into() };
        let told = |files: &[File], partial| match check(Path::new("x"), files, partial) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(told(&[], true).contains("no file of a range"));
        let two = [file(1, "00001"), file(1, "00001.txt")];
        assert!(told(&two, true).contains("two files of the range 00001"));
        let gap = [file(0, "00000"), file(2, "00002")];
        assert!(
            told(&gap, false).contains("range 00001, nor of 1048573 others"),
            "{}",
            told(&gap, false)
        );
        assert!(told(&gap[..1], false).contains("range 00001, nor of 1048574 others"));
        assert_eq!(told(&gap, true), "");
        let all: Vec<_> = (0..1 << 20).map(|range| file(range, "")).collect();
        assert_eq!(told(&all, false), "");
    }
}
