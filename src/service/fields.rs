//! Collects what is wrong with a request, so that its caller hears of everything at once.

use super::Error;
use crate::domain::{InvalidField, size::Size};

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<InvalidField>);

/// Refuses fields that are too long. The first thing of all: whatever else is done with a text takes as long as the text.
pub(super) fn check_sizes<const N: usize>(fields: [(Size, &str); N]) -> Result<(), Error> {
    let too_long = fields.into_iter().filter_map(|(size, text)| size.check(text).err());
    let too_long: Vec<_> = too_long.collect();
    if too_long.is_empty() { Ok(()) } else { Err(Error::InvalidFields(too_long)) }
}

impl Fields {
    /// Keeps the value, or notes the problem.
    pub(super) fn check<T>(&mut self, parsed: Result<T, InvalidField>) -> Option<T> {
        parsed.map_err(|problem| self.0.push(problem)).ok()
    }

    /// Notes a problem unless `valid`.
    pub(super) fn require(&mut self, valid: bool, field: &'static str, problem: &str) {
        if !valid {
            self.0.push(InvalidField::new(field, problem));
        }
    }

    /// Gives the values, if all fields passed.
    pub(super) fn all<T>(self, values: Option<T>) -> Result<T, Error> {
        match values {
            Some(values) if self.0.is_empty() => Ok(values),
            _ => Err(Error::InvalidFields(self.0)),
        }
    }
}
