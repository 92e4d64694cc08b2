//! Spans that have ended, on their way to the exporter.

use prometheus_client::{metrics::counter::Counter, registry::Registry};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::span::Span;

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

/// The way to the exporter. Nobody waits there.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    spans: Sender<Span>,
    figures: Figures,
}

impl Queue {
    /// A queue that holds so many, and its other end.
    pub(super) fn of(most: usize) -> (Self, Receiver<Span>) {
        let (spans, waiting) = channel(most);
        (Self { spans, figures: Figures::default() }, waiting)
    }

    pub(super) fn figures(&self) -> &Figures {
        &self.figures
    }

    pub(super) fn put(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.figures.lost.inc();
        }
    }
}
