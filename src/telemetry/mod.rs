//! Logs, spans and metrics.

mod beside_the_log;
mod call;
mod call_trace;
mod error_chain;
mod metrics;
mod rpcs;
mod seldom;
mod text_format;
mod trace_id;
mod traced_lines;

use std::io::{self, IsTerminal as _};

use tokio::sync::mpsc::Receiver;
use tracing_subscriber::{
    EnvFilter, filter::LevelFilter, fmt, layer::SubscriberExt as _, registry,
    util::SubscriberInitExt as _,
};

use self::traced_lines::TracedLines;
pub use self::{
    beside_the_log::{report_panics, say_failure, say_listening, say_usage},
    call::{http_span, request_id, rpc_span, say_request_id},
    call_trace::{begin_http, begin_rpc, end_http, end_rpc},
    error_chain::chain,
    metrics::{HttpLabels, Metrics, Readings},
    rpcs::{RpcEnd, RpcName},
    seldom::Seldom,
    text_format::text_format,
    trace_id::trace_id,
};
use crate::{
    config::{Log, LogFormat, Tracing},
    log_filter::LogFilter,
    trace::{self, Figures, Span, Tracer},
};

/// The spans that are to be exported, if calls are traced.
type Spans = Option<(Receiver<Span>, Figures)>;

/// Starts the log, on standard error. Only the first call in a process has an effect.
pub fn start(log: &Log) {
    start_with(log, None);
}

/// Starts the log, whose filter can be raised, and the tracer if there is one to be.
pub fn start_to_serve(log: &Log, tracing: Option<&Tracing>) -> (LogFilter, Spans) {
    let Some(Tracing { sampler, propagates, queue, sql_comments, .. }) = tracing else {
        return (start_with(log, None), None);
    };
    let (tracer, spans) = Tracer::new(*sampler, *propagates, *queue);
    let tracer = if *sql_comments { tracer.with_sql_comments() } else { tracer };
    let figures = tracer.figures().clone();
    (start_with(log, Some(tracer)), Some((spans, figures)))
}

fn start_with(log: &Log, tracer: Option<Tracer>) -> LogFilter {
    let is_traced = tracer.is_some();
    let log_filter = LogFilter::new(&log.filter, filter(&log.filter, is_traced));
    let lines = fmt::layer().with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => {
            let format = if is_traced { TracedLines::Text } else { TracedLines::Off };
            let lines = lines.with_ansi(io::stderr().is_terminal()).map_event_format(format);
            registry().with(lines).with(log_filter.clone()).with(tracer).try_init()
        }
        // The list of spans holds the call's in any case; the current one alone may be a library's.
        LogFormat::Json => {
            let format = if is_traced { TracedLines::Json } else { TracedLines::Off };
            let lines = lines.json().flatten_event(true).with_current_span(false);
            let lines = lines.map_event_format(format);
            registry().with(lines).with(log_filter.clone()).with(tracer).try_init()
        }
    };
    if let Err(error) = started {
        tracing::debug!(%error, "the log was started before");
    }
    log_filter
}

/// The configured filter, plus two targets that no filter may remove: the codes, which are delivered to the log, and, where
/// the log is on or calls are traced, the call's span.
fn filter(asked: &str, is_traced: bool) -> EnvFilter {
    let is_off = EnvFilter::new(asked).max_level_hint() == Some(LevelFilter::OFF) && !is_traced;
    let spans = if is_off { String::new() } else { format!(",{}=error", trace::TARGET) };
    EnvFilter::new(format!("{asked},countersign::delivery=info{spans}"))
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::*;
    use crate::domain::Context;

    /// Whether the span of a call is enabled.
    fn has_spans(asked: &str, is_traced: bool) -> bool {
        let id = uuid::Uuid::nil().into();
        let log = registry()
            .with(fmt::layer().with_writer(io::sink))
            .with(LogFilter::new(asked, filter(asked, is_traced)));
        let context = Context::of_nobody(None, std::time::Instant::now(), id);
        with_default(log, || !rpc_span("service", "method", &context).is_disabled())
    }

    #[test]
    fn where_anything_is_logged_its_call_is_known_and_where_nothing_is_there_are_no_spans() {
        for asked in ["info", "error", "warn,sqlx=off", "countersign::service=debug", "h2=trace"] {
            assert!(has_spans(asked, false), "{asked}");
        }
        assert!(!has_spans("off", false));
        assert!(has_spans("off", true), "a traced call is known to the tracer by its span");
    }
}
