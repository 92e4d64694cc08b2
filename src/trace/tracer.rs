//! The tracer: what is asked whether a call is traced. It is a layer of the log's subscriber, and found there.

use tokio::sync::mpsc::Receiver;
use tracing_subscriber::Layer;

use super::{
    active::Active,
    context::TraceContext,
    ids::{SpanId, TraceId},
    queue::{Figures, Queue},
    sampler::Sampler,
    span::{Kind, Span, Text},
};

/// Decides which calls are traced. It neither sees nor exports log lines.
#[derive(Debug)]
pub struct Tracer {
    sampler: Sampler,
    pub(super) propagates: bool,
    pub(super) sql_comments: bool,
    queue: Queue,
}

impl<S: tracing::Subscriber> Layer<S> for Tracer {}

impl Tracer {
    /// A tracer, and the spans that it records: at most `queue` wait there, and what does not fit is lost. Without
    /// `propagates` each call begins a trace of its own, and no other service is told of it.
    pub fn new(sampler: Sampler, propagates: bool, queue: usize) -> (Self, Receiver<Span>) {
        let (queue, waiting) = Queue::of(queue);
        (Self { sampler, propagates, sql_comments: false, queue }, waiting)
    }

    /// The same, which tells databases of sampled calls.
    #[must_use]
    pub fn with_sql_comments(self) -> Self {
        Self { sql_comments: true, ..self }
    }

    /// The figures of its spans.
    pub fn figures(&self) -> &Figures {
        self.queue.figures()
    }

    /// Begins a span that no other one in this process is above of: for a call, or for work that a call has left. `None` if
    /// it is not sampled and nobody else knows of its trace.
    pub(super) fn start(&self, parent: Option<TraceContext>, what: (Text, Kind)) -> Option<Active> {
        let trace_id = parent.as_ref().map_or_else(TraceId::random, |parent| parent.trace_id);
        let sampled = self.sampler.samples(parent.as_ref(), trace_id);
        if !sampled && parent.is_none() {
            return None;
        }
        let above = parent.as_ref().map(|parent| parent.span_id);
        let state = parent.and_then(|parent| parent.state);
        let context = TraceContext { trace_id, span_id: SpanId::random(), sampled, state };
        Some(Active::begin(context, above, above.is_some(), what, self.queue.clone()))
    }
}
