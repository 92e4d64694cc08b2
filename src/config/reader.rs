//! Reads the settings one by one and collects their problems.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{
    Problems, Profile, Settings,
    setting::{DefaultValue, Setting},
};

/// The longest duration of any setting, as humantime reads "10years".
pub(super) const TEN_YEARS: Duration = Duration::from_secs(10 * 31_557_600);

/// The settings and the problems found so far. After a problem the default is used, so that one mistake is reported
/// once.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    pub(super) problems: Problems,
}

impl<'a> Reader<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, problems: settings.problems.clone() }
    }

    /// The setting through `parse`; its default in the table if none was given.
    pub(super) fn read<T: Clone + Default>(
        &mut self,
        setting: Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let default = match setting.default {
            DefaultValue::Value(text) => parse(text),
            DefaultValue::InDevelopment(_)
            | DefaultValue::ByProfile(..)
            | DefaultValue::PerThread(_)
            | DefaultValue::Computed(_)
            | DefaultValue::Absent => Err("must be set".into()),
        };
        let given = self.settings.get(setting);
        let value = given.map_or_else(|| default.clone(), &parse);
        value
            .or_else(|problem| {
                self.refuse(setting, given.unwrap_or_default(), problem);
                default
            })
            .unwrap_or_default()
    }

    /// The setting through `parse`; its default in that profile, if any, if none was given.
    pub(super) fn read_in<T>(
        &mut self,
        profile: Profile,
        setting: Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.settings.get(setting).or(setting.default.of(profile))?;
        parse(text).map_err(|problem| self.refuse(setting, text, problem)).ok()
    }

    /// The setting through `parse`, if it was given. Its default, if any, is computed by the caller.
    pub(super) fn given<T>(
        &mut self,
        setting: Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.settings.get(setting)?;
        parse(text).map_err(|problem| self.refuse(setting, text, problem)).ok()
    }

    /// Records the problem of a value. Some quote it, which must not be a secret that was meant for another setting; the
    /// parsers of secrets quote nothing.
    pub(super) fn refuse(&mut self, setting: Setting, text: &str, problem: String) {
        let is_misplaced = !setting.secret && self.settings.is_confidential(setting, text);
        let misplaced = "is invalid, and seems to hold a secret of another setting";
        let told = if is_misplaced { misplaced.to_owned() } else { problem };
        self.problems.add_of_value(setting, told);
    }

    /// On or off.
    pub(super) fn switch(&mut self, setting: Setting) -> bool {
        self.read(setting, on_or_off)
    }

    /// A whole number in `range`.
    pub(super) fn number<T>(&mut self, setting: Setting, range: RangeInclusive<T>) -> T
    where
        T: Clone + Default + FromStr + PartialOrd + Display,
    {
        self.read(setting, whole_number(range))
    }

    /// A duration in `range`.
    pub(super) fn duration(
        &mut self,
        setting: Setting,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.read(setting, duration(range))
    }

    /// Records a problem if a required setting is missing. One with an unreadable file was given: that is reported
    /// already.
    pub(super) fn require(&mut self, setting: Setting, problem: &str) {
        let file = setting.file_name();
        let unread = self.problems.0.iter().any(|problem| problem.setting == file);
        if self.settings.get(setting).is_none() && !unread {
            self.problems.add(setting, problem);
        }
    }
}

pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off".into()),
    }
}

pub(super) fn whole_number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
    }
}

pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| match humantime::parse_duration(text) {
        Ok(duration) if range.contains(&duration) => Ok(duration),
        _ => {
            let [shortest, longest] =
                [range.start(), range.end()].map(|bound| humantime::format_duration(*bound));
            Err(format!("must be a duration such as 90s or 15m, from {shortest} to {longest}"))
        }
    }
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

pub(super) fn days(days: u64) -> Duration {
    minutes(days * 24 * 60)
}
