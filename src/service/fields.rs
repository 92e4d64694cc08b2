//! Collects the problems of a request, so that its caller sees all of them at once.

use super::Error;
use crate::domain::{InvalidField, size::Size};

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<InvalidField>);

/// Rejects fields that are too long, first of all: all other work grows with the length of a text.
pub(super) fn check_sizes<const N: usize>(fields: [(Size, &str); N]) -> Result<(), Error> {
    let too_long = fields.into_iter().filter_map(|(size, text)| size.check(text).err());
    let too_long: Vec<_> = too_long.collect();
    if too_long.is_empty() { Ok(()) } else { Err(Error::InvalidFields(too_long)) }
}

impl Fields {
    /// Keeps the value, or records the problem.
    pub(super) fn check<T>(&mut self, parsed: Result<T, InvalidField>) -> Option<T> {
        parsed.map_err(|problem| self.0.push(problem)).ok()
    }

    /// Records a problem unless `valid`.
    pub(super) fn require(&mut self, valid: bool, field: &'static str, problem: &str) {
        if !valid {
            self.0.push(InvalidField::new(field, problem));
        }
    }

    /// Returns the values, if all fields are valid.
    pub(super) fn all<T>(self, values: Option<T>) -> Result<T, Error> {
        match values {
            Some(values) if self.0.is_empty() => Ok(values),
            _ => Err(Error::InvalidFields(self.0)),
        }
    }
}
