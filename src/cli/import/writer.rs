//! Writes rows that can be imported again: JSON lines, or CSV.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde_json::Value;

use super::row::{ImportRow, MEMBERS};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    JsonLines,
    Csv,
}

/// Makes a file that its owner alone may read. One that is there already stays as it is.
///
/// # Errors
/// A file that is there, or can't be made.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Rows to a file or to standard output.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    output: W,
    shape: Shape,
}

impl<W: Write> Writer<W> {
    /// Begins, with the header if there is one.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn new(mut output: W, shape: Shape) -> io::Result<Self> {
        if shape == Shape::Csv {
            writeln!(output, "{}", MEMBERS.join(","))?;
        }
        Ok(Self { output, shape })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn write(&mut self, row: &ImportRow) -> io::Result<()> {
        match self.shape {
            Shape::JsonLines => serde_json::to_writer(&mut self.output, row)?,
            Shape::Csv => {
                let row = row.to_value();
                let fields = MEMBERS.map(|name| field(name, row.get(name)));
                self.output.write_all(fields.join(",").as_bytes())?;
            }
        }
        self.output.write_all(b"\n")
    }

    /// Ends.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}

/// A field of CSV: quoted where it must be.
fn field(name: &str, value: Option<&Value>) -> String {
    let text = match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(roles)) if name == "roles" && plain(roles) => {
            roles.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        Some(other) => other.to_string(),
    };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// Whether roles can be separated by spaces.
fn plain(roles: &[Value]) -> bool {
    let texts = roles.iter().filter_map(Value::as_str);
    texts.into_iter().all(|role| {
        !role.is_empty() && !role.contains(char::is_whitespace) && !role.starts_with('[')
    })
}
