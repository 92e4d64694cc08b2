//! Reads a file of users, one row at a time, in memory that does not grow with the file.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use serde_json::Value;

use super::{
    detect::{Container, Detected, detect},
    formats::{Columns, Format, firebase_parameters, unwrap},
    frames::{Elements, FileError, Frame, Lines, Path as Place, Records, Text, fields},
    grants::Grants,
    hash_file::HashFile,
    instant::Instant,
    known::Known,
    object::Object,
    problem::{Fault, Problem, shown},
    row::ImportRow,
};

/// How much of a file is looked at to find out what it is, in bytes.
const HEAD: u64 = 256 * 1024;

/// What is read, and what is said of it.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) file: PathBuf,
    /// Found out where it is not said.
    pub(crate) format: Option<Format>,
    /// Firebase: the file with the project's parameters.
    pub(crate) hash_parameters: Option<PathBuf>,
    /// Auth0: the file that support sends.
    pub(crate) password_hashes: Option<PathBuf>,
    /// Whether all addresses are verified, or none. Otherwise as the file says.
    pub(crate) verified: Option<bool>,
    /// Whether other systems' roles may make administrators of this one.
    pub(crate) admins: bool,
}

/// A row that was read.
#[derive(Debug)]
pub(crate) struct Row {
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// Which row of the file it is, from 1.
    pub(crate) number: u64,
    pub(crate) row: ImportRow,
}

/// A row that can't be imported.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, row {number}: {problem}")]
pub(crate) struct RowError {
    pub(crate) line: u64,
    pub(crate) number: u64,
    pub(crate) problem: Problem,
    /// In our names as far as it could be read; its text where it could not; null where it is too large to keep.
    pub(crate) row: Value,
}

/// Why there is no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// This row alone.
    #[error(transparent)]
    Row(RowError),
    /// Nothing follows.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Counts the bytes that were read.
#[derive(Debug)]
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

type Input = BufReader<io::Chain<Cursor<Vec<u8>>, Counted>>;

#[derive(Debug)]
enum Frames {
    Lines(Lines<Input>),
    Elements(Elements<Input>),
    Records(Records<Input>, Columns),
}

/// The rows of a file.
#[derive(Debug)]
pub(crate) struct Reader {
    frames: Frames,
    detected: Detected,
    known: Known,
    verified: Option<bool>,
    number: u64,
    ended: bool,
    read: Arc<AtomicU64>,
    size: u64,
}

impl Row {
    /// The row as one that the server refused.
    pub(crate) fn refuse(&self, problem: Problem) -> RowError {
        RowError { line: self.line, number: self.number, problem, row: self.row.to_value() }
    }
}

impl Reader {
    /// Opens a file and finds out what it is.
    ///
    /// # Errors
    /// A file that can't be read, or is not known, with what was seen of it.
    pub(crate) fn open(sources: &Sources) -> anyhow::Result<Self> {
        let path = &sources.file;
        let name = || path.display().to_string();
        let file = File::open(path).with_context(name)?;
        let size = file.metadata().with_context(name)?.len();
        let read = Arc::new(AtomicU64::new(0));
        let mut counted = Counted { file, read: Arc::clone(&read) };
        let mut head = Vec::new();
        (&mut counted).take(HEAD).read_to_end(&mut head).with_context(name)?;
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        let detected = detect(&head, sources.format)
            .map_err(|problem| anyhow::anyhow!("{} {problem}", path.display()))?;
        let list = list_paths(&detected, &head);
        let input = BufReader::with_capacity(64 * 1024, Cursor::new(head).chain(counted));
        let frames = frames(&detected, list, input).with_context(name)?;
        let known = known(sources, &detected)?;
        let verified = sources.verified;
        Ok(Self { frames, detected, known, verified, number: 0, ended: false, read, size })
    }

    /// What the file is, and by what that was found out.
    pub(crate) fn what(&self) -> String {
        match self.detected.because.as_str() {
            "" => self.detected.format.name().to_owned(),
            because => format!("{} ({because})", self.detected.format.name()),
        }
    }

    /// How many bytes were read, and how many there are: for a progress bar.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.size)
    }

    /// What users have that does not come along, and how many have it. Complete at the end of the file.
    pub(crate) fn left_behind(&self) -> Vec<(String, u64)> {
        self.known.left_behind()
    }

    fn frame(&mut self) -> Option<Result<Frame, FileError>> {
        match &mut self.frames {
            Frames::Lines(lines) => lines.next(),
            Frames::Elements(elements) => elements.next(),
            Frames::Records(records, _) => records.next(),
        }
    }

    fn row(&mut self, frame: Frame) -> Result<Row, Failure> {
        let (line, number) = (frame.line, self.number);
        let mut row = ImportRow::default();
        let refused = |problem, row| RowError { line, number, problem, row };
        let Text::Whole(text) = frame.text else {
            let problem = Problem::new("", "is larger than 1 MiB");
            return Err(Failure::Row(refused(problem, Value::Null)));
        };
        let object = self.object(&text).map_err(|problem| {
            let text = String::from_utf8_lossy(text.trim_ascii_end());
            Failure::Row(refused(problem, text.into()))
        })?;
        let ours = matches!(self.detected.format, Format::JsonLines | Format::Csv);
        let original = ours.then(|| object.clone());
        match self.detected.format.fill(object, &mut row, &mut self.known) {
            Ok(()) => {
                row.email_verified = self.verified.unwrap_or(row.email_verified);
                Ok(Row { line, number, row })
            }
            Err(Fault::Row(problem)) => {
                let row = original.map_or_else(|| row.to_value(), Value::Object);
                Err(Failure::Row(refused(problem, row)))
            }
            Err(Fault::File(error)) => Err(Failure::File(error)),
        }
    }

    fn object(&self, text: &[u8]) -> Result<Object, Problem> {
        if let Frames::Records(_, columns) = &self.frames {
            let not_utf8 = || Problem::new("", "is not UTF-8");
            let text = std::str::from_utf8(text).ok().ok_or_else(not_utf8)?;
            let wrong = || Problem::new("", "is not CSV: a quote stands where none may be");
            return columns.object(self.detected.format, fields(text).ok_or_else(wrong)?);
        }
        match serde_json::from_slice(text) {
            Ok(Value::Object(object)) if self.detected.format == Format::JsonLines => {
                unwrap(object)
            }
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(Problem::new("", "must be a JSON object")),
            Err(error) => Err(Problem::new("", format!("is no JSON: {error}"))),
        }
    }
}

/// Which of the format's paths the file has.
fn list_paths(detected: &Detected, head: &[u8]) -> Vec<Place> {
    let is_list = head.trim_ascii_start().starts_with(b"[");
    let fits = |path: &&Place| match (path, detected.container) {
        (["*"], Container::List) => is_list,
        (["*", _, ..], Container::Nested) => true,
        ([first, ..], Container::List) => *first != "*" && !is_list,
        _ => false,
    };
    if detected.container == Container::Documents {
        return vec![&[]];
    }
    detected.format.paths().iter().filter(fits).copied().collect()
}

fn frames(detected: &Detected, list: Vec<Place>, input: Input) -> anyhow::Result<Frames> {
    Ok(match detected.container {
        Container::Lines => Frames::Lines(Lines::new(input)),
        Container::List | Container::Nested | Container::Documents => {
            Frames::Elements(Elements::new(input, list))
        }
        Container::Headless => Frames::Records(Records::new(input), Columns::Firebase),
        Container::Csv => {
            let mut records = Records::new(input);
            let header = records.next().transpose()?;
            let header = header.as_ref().and_then(Frame::bytes).unwrap_or_default();
            let names = fields(std::str::from_utf8(header)?).context("the header is not CSV")?;
            let mut seen = HashSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(name.trim())) {
                anyhow::bail!("the header has {} twice", shown(twice, 40));
            }
            Frames::Records(records, Columns::from_header(names))
        }
    })
}

fn known(sources: &Sources, detected: &Detected) -> anyhow::Result<Known> {
    let mut known = Known::new(Instant::now());
    known.admins = sources.admins;
    if let Some(path) = &sources.hash_parameters {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(name)?;
        known.hash_parameters = Some(firebase_parameters(&text).with_context(name)?);
    }
    if let Some(path) = &sources.password_hashes {
        known.hash_file = Some(HashFile::open(path).with_context(|| path.display().to_string())?);
    }
    if detected.format == Format::Zitadel {
        known.grants = grants(&sources.file)?;
    }
    Ok(known)
}

fn grants(path: &Path) -> anyhow::Result<Grants> {
    let file = File::open(path)?;
    anyhow::ensure!(
        file.metadata()?.is_file(),
        "an export of Zitadel is read twice: it must be a file"
    );
    Ok(Grants::read(BufReader::new(file))?)
}

impl Iterator for Reader {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.frame().map(|frame| {
            self.number += 1;
            self.row(frame?)
        });
        self.ended = !matches!(row, Some(Ok(_) | Err(Failure::Row(_))));
        row
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(u64::try_from(read).unwrap_or_default(), Ordering::Relaxed);
        Ok(read)
    }
}
