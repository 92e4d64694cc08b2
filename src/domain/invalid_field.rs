//! Refusals of fields.

use std::borrow::Cow;

/// Refusal of a request's field; becomes a BadRequest field violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidField {
    /// The field's name on the wire.
    pub field: Cow<'static, str>,
    /// The problem and the rule. Never contains the value.
    pub problem: String,
}

impl InvalidField {
    /// A refusal of `field`.
    pub fn new(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same refusal of a field that has another name on the wire.
    #[must_use]
    pub fn named(self, field: &'static str) -> Self {
        Self { field: field.into(), ..self }
    }
}
