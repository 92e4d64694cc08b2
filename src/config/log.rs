//! The log.

use std::ffi::OsString;

use tracing_subscriber::EnvFilter;

use super::{reader::Reader, settings};

/// The log.
#[derive(Debug, Clone)]
pub struct Log {
    /// The filter.
    pub filter: String,
    /// The format.
    pub format: LogFormat,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The format that flags and environment request, before they are validated: for reporting that something is
    /// invalid.
    #[expect(clippy::disallowed_methods, reason = "this module is one of those that may")]
    pub fn asked_for() -> Self {
        Self::asked_for_by(std::env::args_os().skip(1), std::env::var_os(settings::LOG_FORMAT.name))
    }

    /// The flag wins. Invalid values are reported elsewhere, as text.
    fn asked_for_by(
        arguments: impl IntoIterator<Item = OsString>,
        environment: Option<OsString>,
    ) -> Self {
        let mut arguments = arguments.into_iter();
        let flag = arguments.find_map(|argument| match argument.to_str()? {
            "--log-format" => Some(None),
            argument => argument.strip_prefix("--log-format=").map(|value| Some(value.into())),
        });
        // The value is in the argument itself, or is the next one.
        let flag = flag.and_then(|value| value.or_else(|| arguments.next()));
        match flag.or(environment) {
            Some(value) if value == "json" => Self::Json,
            _ => Self::Text,
        }
    }
}

impl Reader<'_> {
    pub(super) fn log(&mut self) -> Log {
        Log {
            filter: self.read(settings::LOG, |text| match EnvFilter::try_new(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(error) => Err(format!("is not a log filter: {error}")),
            }),
            format: self.read(settings::LOG_FORMAT, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be text or json".into()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_known_before_the_settings_are_and_the_flag_wins() {
        let of = |arguments: &[&str], environment: Option<&str>| {
            LogFormat::asked_for_by(
                arguments.iter().map(OsString::from),
                environment.map(OsString::from),
            )
        };
        for (arguments, environment) in [
            (&["serve"][..], Some("json")),
            (&["serve", "--log-format", "json"], None),
            (&["--log-format=json", "serve"], Some("text")),
            (&["--no-such-flag", "--log-format=json"], None),
        ] {
            assert_eq!(of(arguments, environment), LogFormat::Json, "{arguments:?}");
        }
        for (arguments, environment) in [
            (&["serve"][..], None),
            (&["serve"], Some("xml")),
            (&["--log-format=text"], Some("json")),
            (&["--log-format"], None),
        ] {
            assert_eq!(of(arguments, environment), LogFormat::Text, "{arguments:?}");
        }
    }
}
