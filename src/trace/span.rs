//! Spans that have ended, as they are exported.

use std::{fmt, time::SystemTime};

use super::{context::TraceContext, ids::SpanId};

/// A text that is compiled into this program, in up to three parts. No caller's text, and nothing from the database, can
/// become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text([&'static str; 3]);

impl Text {
    /// Two texts with a third between.
    pub const fn joined(first: &'static str, between: &'static str, last: &'static str) -> Self {
        Self([first, between, last])
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self([text, "", ""])
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| f.write_str(part))
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// One of our texts.
    Text(Text),
    /// A number.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

/// What is told of a span, by OpenTelemetry's semantic conventions.
pub type Attributes = Vec<(&'static str, Value)>;

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Within this program.
    Internal,
    /// A call that is answered here.
    Server,
    /// A call to something else.
    Client,
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct Span {
    /// Where it is.
    pub context: TraceContext,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// Whether that one is another process's.
    pub parent_is_remote: bool,
    /// Its name.
    pub name: Text,
    /// Its kind.
    pub kind: Kind,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What is told of it.
    pub attributes: Attributes,
    /// Whether it failed, by the fault of this program or of what it called.
    pub failed: bool,
}
