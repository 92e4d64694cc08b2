//! Logs, spans and metrics.

mod beside_the_log;
mod call;
mod error_chain;
mod metrics;
mod seldom;
mod text_format;

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    EnvFilter, filter::LevelFilter, fmt, layer::SubscriberExt as _, registry,
    util::SubscriberInitExt as _,
};

pub use self::{
    beside_the_log::{report_panics, say_failure, say_listening, say_usage},
    call::{http_span, request_id, rpc_span, say_request_id},
    error_chain::chain,
    metrics::{HttpLabels, Metrics, RpcLabels},
    seldom::Seldom,
    text_format::text_format,
};
use crate::{
    config::{Log, LogFormat},
    log_filter::LogFilter,
};

/// Starts the log, on standard error. Only the first call in a process has an effect. The filter can be raised.
pub fn start(log: &Log) -> LogFilter {
    let log_filter = LogFilter::new(&log.filter, filter(&log.filter));
    let lines = fmt::layer().with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => {
            let lines = lines.with_ansi(io::stderr().is_terminal());
            registry().with(lines).with(log_filter.clone()).try_init()
        }
        // The list of spans holds the call's in any case; the current one alone may be a library's.
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false);
            registry().with(lines).with(log_filter.clone()).try_init()
        }
    };
    if let Err(error) = started {
        tracing::debug!(%error, "the log was started before");
    }
    log_filter
}

/// The configured filter, plus two targets that no filter may remove: the codes, which are delivered to the log, and, where
/// the log is on, the call's span.
fn filter(asked: &str) -> EnvFilter {
    let is_off = EnvFilter::new(asked).max_level_hint() == Some(LevelFilter::OFF);
    let spans = if is_off { String::new() } else { format!(",{}=error", call::TARGET) };
    EnvFilter::new(format!("{asked},countersign::delivery=info{spans}"))
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::*;
    use crate::domain::Context;

    /// Whether the span of a call is enabled.
    fn has_spans(asked: &str) -> bool {
        let id = uuid::Uuid::nil().into();
        let log = registry()
            .with(fmt::layer().with_writer(io::sink))
            .with(LogFilter::new(asked, filter(asked)));
        let context = Context::of_nobody(None, std::time::Instant::now(), id);
        with_default(log, || !rpc_span("service", "method", &context).is_disabled())
    }

    #[test]
    fn where_anything_is_logged_its_call_is_known_and_where_nothing_is_there_are_no_spans() {
        for asked in ["info", "error", "warn,sqlx=off", "countersign::service=debug", "h2=trace"] {
            assert!(has_spans(asked), "{asked}");
        }
        assert!(!has_spans("off"));
    }
}
