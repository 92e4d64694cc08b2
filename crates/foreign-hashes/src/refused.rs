//! The reasons why a hash is refused.

use thiserror::Error;

/// The most bytes of a hash's text, with the parameters that its canonical form carries.
pub const MAX_TEXT_BYTES: usize = 4096;

/// The reason why a hash cannot be used. Its text names the format, the field and the bound, and never repeats the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// No format writes such a text.
    #[error("its format is unknown")]
    Unknown,
    /// A format that is known by name, and not verified here.
    #[error("{0} is not supported")]
    NotSupported(&'static str),
    /// Refused before anything else is read.
    #[error("it is over {MAX_TEXT_BYTES} bytes long")]
    TooLong,
    /// The text ends before this field, or the field is empty.
    #[error("{format}: {field} is missing")]
    Truncated {
        /// The format, as [`Format::name`](crate::Format::name) spells it.
        format: &'static str,
        /// The part of the text.
        field: &'static str,
    },
    /// Characters outside the field's alphabet, or a length that the encoding cannot have.
    #[error("{format}: {field} is not {encoding}")]
    Encoding {
        /// The format, as [`Format::name`](crate::Format::name) spells it.
        format: &'static str,
        /// The part of the text.
        field: &'static str,
        /// What the field must be.
        encoding: &'static str,
    },
    /// A parameter or a length out of bounds.
    #[error("{format}: {name} is {bound}")]
    Parameter {
        /// The format, as [`Format::name`](crate::Format::name) spells it.
        format: &'static str,
        /// The parameter's name in the text.
        name: &'static str,
        /// The bound that is broken, such as "over 1,048,576 KiB".
        bound: &'static str,
    },
    /// Something that this format keeps outside its text, and that was not given beside it.
    #[error("{format}: {name} was not given")]
    ParameterMissing {
        /// The format, as [`Format::name`](crate::Format::name) spells it.
        format: &'static str,
        /// The name of the parameter in [`HashParameters`](crate::HashParameters).
        name: &'static str,
    },
}
