//! Logs and figures.

mod beside_the_log;
mod error_chain;
mod metrics;
mod seldom;
mod text_format;

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt};

pub use self::{
    beside_the_log::{report_panics, say_failure, say_listening, say_usage},
    error_chain::chain,
    metrics::{Metrics, RpcLabels},
    seldom::Seldom,
    text_format::text_format,
};
use crate::config::{Log, LogFormat};

/// Sends the log to standard error. Only the first call of a process counts.
pub fn start(log: &Log) {
    // The log is where the codes are delivered: no filter may swallow them.
    let filter = EnvFilter::new(format!("{},countersign::delivery=info", log.filter));
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "the log was started before");
    }
}
