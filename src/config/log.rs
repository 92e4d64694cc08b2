//! The log.

use tracing_subscriber::EnvFilter;

use super::{reader::Reader, settings as name};

/// The log.
#[derive(Debug, Clone)]
pub struct Log {
    /// What is logged.
    pub filter: String,
    /// How.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Reader<'_> {
    pub(super) fn log(&mut self) -> Log {
        Log {
            filter: self.read(name::LOG, "info".to_owned(), |text| {
                match EnvFilter::try_new(text) {
                    Ok(_) => Ok(text.to_owned()),
                    Err(error) => Err(format!("is not a log filter: {error}")),
                }
            }),
            format: self.read(name::LOG_FORMAT, LogFormat::Text, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be text or json".into()),
            }),
        }
    }
}
