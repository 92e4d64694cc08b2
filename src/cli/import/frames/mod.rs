//! Cuts a file into the texts of its rows, in flat memory: by lines, by the elements of a JSON list, by the records of CSV.

mod elements;
mod gathered;
mod lines;
mod records;

pub(crate) use self::{
    elements::{Elements, Path},
    gathered::{FileError, LARGEST, Text},
    lines::Lines,
    records::{Records, fields},
};

/// The text of a row, and the line of the file on which it begins, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) line: u64,
    pub(crate) text: Text,
}
