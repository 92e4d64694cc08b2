//! Refusals of fields.

use std::{borrow::Cow, fmt};

/// Refusal of a request's field; becomes a BadRequest field violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidField {
    /// The field's name on the wire.
    pub field: Cow<'static, str>,
    /// The problem and the rule. Never contains the value.
    pub problem: String,
    /// What is variable in the text, by its name: `ErrorInfo.metadata` has it, so that nobody parses texts (AIP-193).
    pub variable: Option<(&'static str, String)>,
}

impl InvalidField {
    /// A refusal of `field`.
    pub fn new(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into(), variable: None }
    }

    /// The same refusal, whose text has that variable part.
    #[must_use]
    pub fn with(self, name: &'static str, value: impl fmt::Display) -> Self {
        Self { variable: Some((name, value.to_string())), ..self }
    }

    /// The same refusal of a field that has another name on the wire.
    #[must_use]
    pub fn named(self, field: &'static str) -> Self {
        Self { field: field.into(), ..self }
    }
}
