//! What may be logged in addition.

use std::fmt;

use tracing::Metadata;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Our own targets begin with this.
const OURS: &str = "countersign";

/// Codes are delivered to the log under this target.
const CODES: &str = "countersign::delivery";

/// What may be logged in addition: lines of this crate, by module.
#[derive(Debug, Clone, PartialEq)]
pub struct Directives {
    text: String,
    targets: Targets,
    most: LevelFilter,
}

impl Directives {
    /// All that this crate logs at debug.
    pub fn debug() -> Self {
        Self::of("debug", Targets::new().with_target(OURS, LevelFilter::DEBUG), LevelFilter::DEBUG)
    }

    /// Parses levels, and modules with their levels, with commas between: `debug`, `countersign::store=trace`.
    ///
    /// # Errors
    /// A text that is none, or names what is not ours, or what delivers codes.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut targets = Targets::new();
        let mut most = LevelFilter::OFF;
        for directive in text.split(',') {
            let (target, level) = directive.split_once('=').unwrap_or((OURS, directive));
            let level = level_of(level).filter(|_| is_ours(target));
            let level = level.ok_or(
                "must be levels (error, warn, info, debug, trace), or modules of the service with theirs, such as \
                 debug,countersign::store=trace",
            )?;
            if target.starts_with(CODES) {
                return Err("must not name countersign::delivery: it stays as configured");
            }
            targets = targets.with_target(target, level);
            most = most.max(level);
        }
        Ok(Self::of(text, targets, most))
    }

    /// Without the codes. The longest target that begins one counts: theirs is longer than all that may be given.
    fn of(text: &str, targets: Targets, most: LevelFilter) -> Self {
        Self { text: text.to_owned(), targets: targets.with_target(CODES, LevelFilter::OFF), most }
    }

    /// Whether they enable what is logged at that place.
    pub(super) fn enable(&self, metadata: &Metadata<'_>) -> bool {
        self.targets.would_enable(metadata.target(), metadata.level())
    }

    /// The most verbose level of them.
    pub(super) fn most(&self) -> LevelFilter {
        self.most
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn level_of(name: &str) -> Option<LevelFilter> {
    match name {
        "error" => Some(LevelFilter::ERROR),
        "warn" => Some(LevelFilter::WARN),
        "info" => Some(LevelFilter::INFO),
        "debug" => Some(LevelFilter::DEBUG),
        "trace" => Some(LevelFilter::TRACE),
        _ => None,
    }
}

/// Whether the target is this crate, or a module of it.
fn is_ours(target: &str) -> bool {
    let mut names = target.split("::");
    let is_name = |name: &str| {
        let is_of_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(is_of_name)
    };
    names.next() == Some(OURS) && names.all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_modules_of_ours_are_taken() {
        for text in
            ["debug", "trace", "countersign=info", "debug,countersign::store::postgres=trace"]
        {
            assert_eq!(Directives::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_would_print_secrets_or_is_no_filter_is_refused() {
        for text in [
            "",
            ",",
            "debug,",
            "off",
            "DEBUG",
            "5",
            "h2=trace",
            "sqlx=debug",
            "countersign",
            "countersign=off",
            "countersigned=debug",
            "countersign::=debug",
            "countersign::delivery=debug",
            "countersign::delivery::smtp=trace",
            "countersign::store=debug=trace",
            "[{token=x}]=trace",
            "countersign[{token=x}]=trace",
            " debug",
        ] {
            assert!(Directives::parse(text).is_err(), "{text:?}");
        }
    }

    /// A target is matched by its beginning: not by this crate's name alone are others', and codes, kept out.
    #[test]
    fn the_beginning_of_a_name_does_not_open_the_codes() {
        for text in ["trace", "countersign::deliver=trace", "countersign::d=trace"] {
            let directives = Directives::parse(text).unwrap();
            for target in [CODES, "countersign::delivery::smtp"] {
                assert!(!directives.targets.would_enable(target, &tracing::Level::ERROR), "{text}");
            }
        }
    }
}
