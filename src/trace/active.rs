//! A span that has begun.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{
    context::TraceContext,
    ids::SpanId,
    queue::Queue,
    span::{Attributes, Kind, Span, Text},
};

/// A span that has begun, with ids for the log and for others. Where it is not sampled it records nothing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Active(Arc<Begun>);

#[derive(Debug)]
struct Begun {
    context: TraceContext,
    parent: Option<SpanId>,
    parent_is_remote: bool,
    name: Text,
    kind: Kind,
    /// The same moment by both clocks: times within a span are counted from it, whatever is done to the system's clock.
    began: SystemTime,
    at: Instant,
    queue: Queue,
}

impl Active {
    /// Begins a span at `context`, whose ids are its own.
    pub(super) fn begin(
        context: TraceContext,
        parent: Option<SpanId>,
        parent_is_remote: bool,
        (name, kind): (Text, Kind),
        queue: Queue,
    ) -> Self {
        let (began, at) = (SystemTime::now(), Instant::now());
        Self(Arc::new(Begun { context, parent, parent_is_remote, name, kind, began, at, queue }))
    }

    /// Begins a part of this span.
    pub(super) fn begin_part(&self, what: (Text, Kind)) -> Self {
        let context = self.next();
        Self::begin(context, Some(self.0.context.span_id), false, what, self.0.queue.clone())
    }

    /// Where it is.
    pub fn context(&self) -> &TraceContext {
        &self.0.context
    }

    /// Ends it.
    pub fn end(&self, attributes: Attributes, failed: bool) {
        let Begun { parent, parent_is_remote, name, kind, began, at, .. } = *self.0;
        self.record(|| Span {
            context: self.0.context.clone(),
            parent,
            parent_is_remote,
            name,
            kind,
            began,
            ended: began + at.elapsed(),
            attributes,
            failed,
        });
    }

    /// Records a part of it that has ended, and had no parts of its own.
    pub fn part(
        &self,
        (name, kind): (Text, Kind),
        (began, ended): (Instant, Instant),
        attributes: Attributes,
        failed: bool,
    ) {
        let wall = |moment: Instant| self.0.began + moment.saturating_duration_since(self.0.at);
        self.record(|| Span {
            context: self.next(),
            parent: Some(self.0.context.span_id),
            parent_is_remote: false,
            name,
            kind,
            began: wall(began),
            ended: wall(ended),
            attributes,
            failed,
        });
    }

    /// A place of its own in the same trace.
    fn next(&self) -> TraceContext {
        TraceContext { span_id: SpanId::random(), ..self.0.context.clone() }
    }

    fn record(&self, span: impl FnOnce() -> Span) {
        if self.0.context.sampled {
            self.0.queue.put(span());
        }
    }
}
