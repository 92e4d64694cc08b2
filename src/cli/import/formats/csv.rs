//! CSV: the fields of a record, named as the JSON of the same system names them.
//!
//! Ours has a header with our names. `roles` are separated by spaces; `metadata`, `claims`, `hash_parameters` are JSON text.

use serde_json::Value;

use super::{Format, firebase};
use crate::cli::import::{object::Object, problem::Problem};

/// What the fields of a record are called.
#[derive(Debug)]
pub(crate) enum Columns {
    Named(Vec<String>),
    /// Firebase's files have no header.
    Firebase,
}

impl Columns {
    /// Takes the names from the header.
    pub(crate) fn from_header(fields: Vec<String>) -> Self {
        Self::Named(fields.into_iter().map(|name| name.trim().to_owned()).collect())
    }

    /// The object of a record.
    ///
    /// # Errors
    /// More or fewer fields than names.
    pub(crate) fn object(&self, format: Format, fields: Vec<String>) -> Result<Object, Problem> {
        let names = match self {
            Self::Firebase => return firebase::object(&fields),
            Self::Named(names) => names,
        };
        if names.len() != fields.len() {
            let problem = format!("has {} fields, and the header {}", fields.len(), names.len());
            return Err(Problem::new("", problem));
        }
        let ours = format == Format::Csv;
        let value = |name: &String, text| (name.clone(), value(ours, name, text));
        Ok(names.iter().zip(fields).map(|(name, text)| value(name, text)).collect())
    }
}

/// Roles that have spaces are the JSON text of a list.
fn value(ours: bool, name: &str, text: String) -> Value {
    if ours && name == "roles" && !text.starts_with('[') {
        return text.split_whitespace().collect::<Vec<_>>().into();
    }
    Value::String(text)
}
