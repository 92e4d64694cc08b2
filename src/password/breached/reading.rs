//! Reads a list line by line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use super::{
    error::{BuildError, LineProblem},
    line::{Line, Range},
};

/// Bytes that are read at a time: about a whole range.
const CHUNK: usize = 64 * 1024;

/// More than any line may have. What is no list may be one line of gigabytes.
const LONGEST: u64 = 256;

/// Lines between two reports of progress.
const REPORTED: u64 = 1 << 14;

/// What becomes of each line: nothing, or why the reading ends.
pub(super) enum End {
    /// The line is not as it should be.
    Line(LineProblem),
    /// Something else; the reading has done its part.
    Other(BuildError),
}

/// Reads a file to its end, and tells `progress` how many bytes have come.
///
/// # Errors
/// The file can't be read, a line is not as it should be, or `each` ends it.
pub(super) fn read(
    path: &Path,
    range: Range,
    each: impl FnMut(Line) -> Result<(), End>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BuildError> {
    let unreadable = |error| BuildError::Read(path.to_owned(), error);
    let file = File::open(path).map_err(unreadable)?;
    let mut lines = Lines::of(BufReader::with_capacity(CHUNK, file), range);
    lines.pass(each, progress).map_err(|ended| match ended {
        Ended::Read(error) => unreadable(error),
        Ended::By(End::Other(error)) => error,
        Ended::By(End::Line(problem)) => {
            BuildError::Line { file: path.to_owned(), line: lines.number, problem }
        }
    })
}

enum Ended {
    Read(io::Error),
    By(End),
}

struct Lines<R> {
    reader: R,
    range: Range,
    /// The number of the current line, from 1.
    number: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn of(reader: R, range: Range) -> Self {
        Self { reader, range, number: 0, text: Vec::new() }
    }

    fn pass(
        &mut self,
        mut each: impl FnMut(Line) -> Result<(), End>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Ended> {
        let mut come = 0;
        while self.next().map_err(Ended::Read)? {
            come += self.text.len() as u64;
            if self.number.is_multiple_of(REPORTED) {
                progress(std::mem::take(&mut come));
            }
            let text = self.text.trim_ascii();
            // Such as the last line of a file that somebody has edited.
            if text.is_empty() {
                continue;
            }
            let line = Line::parse(text, self.range).map_err(End::Line);
            line.and_then(&mut each).map_err(Ended::By)?;
        }
        progress(come);
        Ok(())
    }

    /// Reads the next line, with its end, if there is one.
    fn next(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.number += 1;
        Ok(self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut self.text)? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of a text, or the number of the line that is refused and why.
    fn keys(text: &str) -> Result<Vec<u64>, (u64, LineProblem)> {
        let mut lines = Lines::of(text.as_bytes(), Range::default());
        let mut keys = Vec::new();
        let each = |line: Line| {
            keys.push(line.key.0);
            Ok(())
        };
        match lines.pass(each, &mut |_| {}) {
            Ok(()) => Ok(keys),
            Err(Ended::By(End::Line(problem))) => Err((lines.number, problem)),
            Err(_) => panic!("a text can be read"),
        }
    }

    #[test]
    fn lines_end_as_they_do_here_or_elsewhere_and_the_last_one_not_at_all() {
        let (one, two) = ("0000000000000001:5", "0000000000000002:5");
        for text in [
            format!("{one}\n{two}\n"),
            format!("{one}\r\n{two}\r\n"),
            format!("{one}\r\n{two}"),
            format!("{one}\n\n{two}\n\n"),
        ] {
            assert_eq!(keys(&text), Ok(vec![1, 2]), "{text:?}");
        }
        assert_eq!(keys(""), Ok(vec![]));
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_one_without_end_ends() {
        assert_eq!(keys("0000000000000001:5\r\n\r\nx"), Err((3, LineProblem::NoHash)));
        assert_eq!(keys(&"0".repeat(1 << 20)), Err((1, LineProblem::Long)));
    }

    #[test]
    fn progress_is_told_of_every_byte() {
        let text = "0000000000000001:5\n".repeat(50_000);
        let mut told = Vec::new();
        let mut lines = Lines::of(text.as_bytes(), Range::default());
        assert!(lines.pass(|_| Ok(()), &mut |bytes| told.push(bytes)).is_ok());
        assert_eq!(told.iter().sum::<u64>(), text.len() as u64);
        assert_eq!(told.len(), 50_000 / (1 << 14) + 1);
    }
}
