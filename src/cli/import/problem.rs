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
    /// A problem. What it quotes of the file is shortened, and can't move a terminal's cursor.
    pub(crate) fn new(field: impl AsRef<str>, problem: impl AsRef<str>) -> Self {
        Self { field: shown(field.as_ref(), 60), problem: shown(problem.as_ref(), 400) }
    }
}

/// A text of a file, for people: no control characters, and no more than so many characters.
pub(crate) fn shown(text: &str, most: usize) -> String {
    text.chars().filter(|character| !character.is_control()).take(most).collect()
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
