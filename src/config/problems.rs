//! Problems of a configuration: all of them, each with its setting and the remedy.

use std::fmt;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub setting: String,
    /// The problem and its remedy. Never contains a secret.
    pub text: String,
    /// Whether the value itself is no such value: it may be a secret that was meant for another setting.
    pub is_of_value: bool,
}

/// All problems of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds a problem of a setting beside others: its value is one of its kind.
    pub(super) fn add(&mut self, setting: impl AsRef<str>, text: impl Into<String>) {
        self.put(setting, text, false);
    }

    /// Adds the problem of a value.
    pub(super) fn add_of_value(&mut self, setting: impl AsRef<str>, text: impl Into<String>) {
        self.put(setting, text, true);
    }

    fn put(&mut self, setting: impl AsRef<str>, text: impl Into<String>, is_of_value: bool) {
        let (setting, text) = (setting.as_ref().to_owned(), text.into());
        self.0.push(Problem { setting, text, is_of_value });
    }

    /// `value`, if there are no problems.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|problem| problem.setting.len()).max().unwrap_or(0);
        write!(f, "the configuration does not work:")?;
        for Problem { setting, text, .. } in &self.0 {
            write!(f, "\n  {setting:width$}  {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
