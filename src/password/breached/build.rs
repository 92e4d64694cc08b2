//! Makes a file of a list: `countersign breached build`.

use std::path::Path;

use super::{
    builder::Builder,
    error::{BuildError, LineProblem, OpenError},
    layout::Facts,
    line::Line,
    list::Breached,
    reading::{self, End},
    source::Source,
};
use crate::domain::Timestamp;

/// What is to be made.
#[derive(Debug)]
pub struct Request<'a> {
    /// The file to make. One of ours that is there is replaced.
    pub out: &'a Path,
    /// The list.
    pub source: &'a Source,
    /// How often a hash must have been seen; 1 for all. A count of 0 is padding: no hash that was seen at all.
    pub at_least: u64,
    /// The time.
    pub now: Timestamp,
}

/// Reads the list once, and writes the file beside its place until it is whole. `progress` is told how many bytes have been read
/// since it was told last.
///
/// # Errors
/// The list can't be read, or is not as it should be; the file can't be written. What was there before is still there then.
pub fn build(request: &Request<'_>, progress: &mut dyn FnMut(u64)) -> Result<Facts, BuildError> {
    let Request { out, source, at_least, now } = *request;
    if out.exists()
        && matches!(Breached::open(out), Err(OpenError::Foreign | OpenError::Unreadable(_)))
    {
        return Err(BuildError::NotOurs(out.to_owned()));
    }
    let unwritable = |error| BuildError::Write(out.to_owned(), error);
    let mut builder = Builder::create(out, source.expected()).map_err(unwritable)?;
    let mut is_empty = true;
    for (path, range) in source.files() {
        let each = |line: Line| {
            if !builder.takes(line.key) {
                return Err(End::Line(LineProblem::OutOfOrder));
            }
            if !is_counted(line, at_least).map_err(End::Line)? {
                return Ok(());
            }
            is_empty = false;
            builder.add(line.key).map_err(|error| End::Other(unwritable(error)))
        };
        reading::read(&path, range, each, progress)?;
    }
    if is_empty {
        return Err(BuildError::Empty(source.path().to_owned()));
    }
    builder.finish(now, at_least).map_err(unwritable)
}

fn is_counted(line: Line, at_least: u64) -> Result<bool, LineProblem> {
    match line.count {
        Some(count) => Ok(count >= at_least),
        None if at_least > 1 => Err(LineProblem::NoCount),
        None => Ok(true),
    }
}
