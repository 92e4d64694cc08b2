//! The file of rejects: what could not go in, beside the file that it came from, as rows that can be mended and imported.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{reader::RowError, writer};

/// Rejected rows. The file is made with the first of them, for its owner's eyes alone: rows have password hashes.
#[derive(Debug)]
pub(crate) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    count: u64,
}

impl Rejects {
    /// Rejects into this file.
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, file: None, count: 0 }
    }

    /// Where the rejects of a file go: `FILE.rejected.jsonl`, or the next of `FILE.rejected.2.jsonl`, … that is free.
    pub(crate) fn beside(file: &Path) -> PathBuf {
        let name = |number: u32| {
            let mut name = file.as_os_str().to_owned();
            name.push(if number == 1 { ".rejected".into() } else { format!(".rejected.{number}") });
            name.push(".jsonl");
            PathBuf::from(name)
        };
        (1..u32::MAX).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(1))
    }

    /// Writes a row that could not go in.
    ///
    /// # Errors
    /// A file that can't be made, or is there already, and what writing it says.
    pub(crate) fn write(&mut self, error: &RowError) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none @ None => none.insert(BufWriter::new(writer::create(&self.path)?)),
        };
        let reject: Value = json!({
            "line": error.line,
            "number": error.number,
            "field": error.problem.field,
            "problem": error.problem.problem,
            "row": error.row,
        });
        serde_json::to_writer(&mut *file, &reject)?;
        file.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }

    /// Ends the file. Says how many rows it has, and where it is if it has any.
    ///
    /// # Errors
    /// What writing it says.
    pub(crate) fn finish(self) -> io::Result<Option<(u64, PathBuf)>> {
        let Some(file) = self.file else { return Ok(None) };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(Some((self.count, self.path)))
    }
}
