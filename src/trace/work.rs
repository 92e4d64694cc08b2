//! Work that a call has left to be done later.

use tracing::Span;

use super::{
    TARGET,
    active::Active,
    context::TraceContext,
    current::{attach, resume},
    span::{Attributes, Kind, Text},
};

/// A delivery: a part of the trace of the call that has caused it, whichever replica does it, and however much later.
#[derive(Debug)]
pub struct Delivery {
    /// The log's span of it: where it is current, the trace is passed on.
    pub span: Span,
    traced: Option<Active>,
}

impl Delivery {
    /// Begins it. Where the cause is not known, it may begin a trace of its own.
    pub fn begin(caused_by: Option<TraceContext>, name: Text) -> Self {
        let traced = resume(caused_by, name, Kind::Client);
        let span = match &traced {
            Some(_) => tracing::error_span!(target: TARGET, "delivery"),
            // Without a trace the lines are as they always were.
            None => Span::none(),
        };
        attach(&span, traced.clone());
        Self { span, traced }
    }

    /// Ends it, with its attributes and whether it failed.
    pub fn end(self, told: impl FnOnce() -> (Attributes, bool)) {
        if let Some(span) = self.traced {
            let (attributes, failed) = told();
            span.end(attributes, failed);
        }
    }
}
