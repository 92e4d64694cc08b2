//! Reads the settings one by one and collects what is wrong with them.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{Problems, Settings};

/// The longest that anything can be set to last.
pub(super) const TEN_YEARS: Duration = Duration::from_secs(10 * 31_557_600);

/// The settings and the problems found so far. After a problem it goes on with a value that is never used.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    pub(super) problems: Problems,
}

impl<'a> Reader<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, problems: settings.problems.clone() }
    }

    /// The setting through `parse`, or `default` where none was given.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some(text) = self.settings.get(name) else {
            return default;
        };
        match parse(text) {
            Ok(value) => value,
            Err(problem) => {
                self.problems.add(name, problem);
                default
            }
        }
    }

    /// On or off.
    pub(super) fn switch(&mut self, name: &str, default: bool) -> bool {
        self.read(name, default, |text| match text {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("must be on or off".into()),
        })
    }

    /// A whole number in `range`.
    pub(super) fn number<T>(&mut self, name: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display,
    {
        self.read(name, default, |text| match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
        })
    }

    /// A duration of at least a second, and `longest` at the most.
    pub(super) fn lifetime(
        &mut self,
        name: &str,
        default: Duration,
        longest: Duration,
    ) -> Duration {
        let lifetime = self.duration(name, default, longest);
        if lifetime < Duration::from_secs(1) {
            self.problems.add(name, "must be at least 1s");
        }
        lifetime
    }

    /// A duration, `longest` at the most.
    pub(super) fn duration(
        &mut self,
        name: &str,
        default: Duration,
        longest: Duration,
    ) -> Duration {
        self.read(name, default, |text| match humantime::parse_duration(text) {
            Ok(duration) if duration <= longest => Ok(duration),
            _ => {
                let longest = humantime::format_duration(longest);
                Err(format!("must be a duration such as 90s or 15m, at most {longest}"))
            }
        })
    }

    /// Notes a problem where a setting was not given that must be. One whose file can't be read was given: that is the problem.
    pub(super) fn require(&mut self, name: &str, problem: &str) {
        let file = format!("{name}_FILE");
        let unread = self.problems.0.iter().any(|problem| problem.setting == file);
        if self.settings.get(name).is_none() && !unread {
            self.problems.add(name, problem);
        }
    }
}

pub(super) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}
