//! One setting: its names and its default.

use std::borrow::Cow;

use super::Profile;

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The value if none is given.
    pub default: DefaultValue,
    /// The description for help and documentation.
    pub help: &'static str,
    /// Secrets have no flag, because others on the machine can read a command line; instead, `NAME_FILE` names a file.
    pub secret: bool,
    /// Whether `NAME_FILE` may name a file with the value: for all secrets, for `DATABASE_URL`, which has a flag as well, as
    /// it is a secret only with a password in it, and for what grows long.
    pub file: bool,
    /// Whether the value may have several lines.
    pub lines: bool,
}

/// The value of a setting that was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// This text, parsed as if it had been given.
    Value(&'static str),
    /// This text in development; none with Postgres.
    InDevelopment(&'static str),
    /// The first text in development, the second with Postgres.
    ByProfile(&'static str, &'static str),
    /// This number for each hashing thread.
    PerThread(usize),
    /// A value that the code computes, described for the documentation.
    Computed(&'static str),
    /// Nothing.
    Absent,
}

pub(super) const fn plain(
    name: &'static str,
    default: DefaultValue,
    help: &'static str,
) -> Setting {
    Setting { name, default, help, secret: false, file: false, lines: false }
}

pub(super) const fn secret(
    name: &'static str,
    default: DefaultValue,
    help: &'static str,
) -> Setting {
    Setting { name, default, help, secret: true, file: true, lines: false }
}

impl DefaultValue {
    /// The default in help and documentation.
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Self::Value(text) | Self::Computed(text) => text.into(),
            Self::InDevelopment(text) => format!("{text} in development").into(),
            Self::ByProfile(development, production) => {
                format!("{development}, {production} with Postgres").into()
            }
            Self::PerThread(number) => format!("{number} a thread").into(),
            Self::Absent => "none".into(),
        }
    }

    /// The text to parse in that profile if nothing was given.
    pub(super) fn of(self, profile: Profile) -> Option<&'static str> {
        match (self, profile) {
            (Self::Value(text), _)
            | (Self::InDevelopment(text) | Self::ByProfile(text, _), Profile::Development)
            | (Self::ByProfile(_, text), Profile::Production) => Some(text),
            (Self::InDevelopment(_), Profile::Production)
            | (Self::PerThread(_) | Self::Computed(_) | Self::Absent, _) => None,
        }
    }
}

impl Setting {
    /// The same setting, whose value may be in a file.
    pub(super) const fn or_file(self) -> Self {
        Self { file: true, ..self }
    }

    /// The same setting, whose value may have several lines.
    pub(super) const fn of_lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// The variable that names a file with the value.
    pub(super) fn file_name(self) -> String {
        format!("{}_FILE", self.name)
    }
}

impl AsRef<str> for Setting {
    fn as_ref(&self) -> &str {
        self.name
    }
}
