//! The tracer: what is asked whether a call is traced. It is a layer of the log's subscriber, and found there.

use prometheus_client::{metrics::counter::Counter, registry::Registry};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing_subscriber::Layer;

use super::{
    active::Active,
    context::TraceContext,
    ids::{SpanId, TraceId},
    sampler::Sampler,
    span::{Kind, Span, Text},
};

/// Decides which calls are traced. It neither sees nor exports log lines.
#[derive(Debug)]
pub struct Tracer {
    sampler: Sampler,
    pub(super) propagates: bool,
    queue: Queue,
}

impl<S: tracing::Subscriber> Layer<S> for Tracer {}

impl Tracer {
    /// A tracer, and the spans that it records: at most `queue` wait there, and what does not fit is lost. Without
    /// `propagates` each call begins a trace of its own, and no other service is told of it.
    pub fn new(sampler: Sampler, propagates: bool, queue: usize) -> (Self, Receiver<Span>) {
        let (spans, waiting) = channel(queue);
        let queue = Queue { spans, figures: Figures::default() };
        (Self { sampler, propagates, queue }, waiting)
    }

    /// The figures of its spans.
    pub fn figures(&self) -> &Figures {
        &self.queue.figures
    }

    /// Begins a span that no other one in this process is above of: for a call, or for work that a call has left. `None` if
    /// it is not sampled and nobody else knows of its trace.
    pub(super) fn begin(&self, parent: Option<TraceContext>, what: (Text, Kind)) -> Option<Active> {
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

/// What became of spans.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Those that the collector has accepted.
    pub exported: Counter,
    /// Those that were lost: the queue was full, or the collector away for too long.
    pub lost: Counter,
}

impl Figures {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_spans_exported",
            "Spans of traces that the collector has accepted",
            self.exported.clone(),
        );
        registry.register(
            "countersign_spans_lost",
            "Spans of traces that were lost: too many waited, or the collector did not take them",
            self.lost.clone(),
        );
    }
}

/// Spans on their way to the exporter. Nobody waits for it.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    spans: Sender<Span>,
    figures: Figures,
}

impl Queue {
    pub(super) fn put(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.figures.lost.inc();
        }
    }
}
