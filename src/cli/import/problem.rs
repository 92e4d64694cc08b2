//! Why a row can't be taken.

use std::fmt;

use super::frames::FileError;

/// What is wrong with a row. No field: the row as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problem {
    pub(crate) field: String,
    pub(crate) problem: String,
}

impl Problem {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "the row {}", self.problem),
            field => write!(f, "{field}: {}", self.problem),
        }
    }
}

/// Why a row can't be taken: alone, or with all that follow.
#[derive(Debug)]
pub(crate) enum Fault {
    Row(Problem),
    File(FileError),
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Row(problem)
    }
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
