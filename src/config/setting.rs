//! One setting: its names, its default, and its flags on the command line.

use clap::Arg;

use super::{reads::Reads, settings::TOPICS};

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What holds where none is given.
    pub default: DefaultValue,
    /// What it means.
    pub help: &'static str,
    /// Secrets have no flag, because others on the machine can read a command line; instead, `NAME_FILE` names a file.
    pub secret: bool,
    /// Whether `NAME_FILE` may name a file with the value. So it is for all secrets, and for `DATABASE_URL`, which has a flag
    /// as well: it is no secret without a password in it, as with SQLite.
    pub file: bool,
}

/// What holds where a setting is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// This text, read as if it had been given.
    Value(&'static str),
    /// What the code works out from elsewhere, in words for the documentation.
    Computed(&'static str),
    /// Nothing.
    Absent,
}

pub(super) const fn plain(
    name: &'static str,
    default: DefaultValue,
    help: &'static str,
) -> Setting {
    Setting { name, default, help, secret: false, file: false }
}

pub(super) const fn secret(
    name: &'static str,
    default: DefaultValue,
    help: &'static str,
) -> Setting {
    Setting { name, default, help, secret: true, file: true }
}

impl DefaultValue {
    /// As help and documentation say it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Value(text) | Self::Computed(text) => text,
            Self::Absent => "none",
        }
    }
}

impl Setting {
    /// The same, whose value may stand in a file.
    pub(super) const fn or_file(self) -> Self {
        Self { file: true, ..self }
    }

    /// The variable that names a file with the value.
    pub(super) fn file_name(self) -> String {
        format!("{}_FILE", self.name)
    }

    /// The heading of help below which it stands.
    pub(super) fn topic(self) -> &'static str {
        let found = TOPICS.iter().find(|(_, settings)| settings.contains(&self));
        found.map_or("Other settings", |(topic, _)| topic)
    }

    /// The flag: `--grpc-addr` for `COUNTERSIGN_GRPC_ADDR`.
    fn flag(self) -> String {
        let name = self.name.strip_prefix("COUNTERSIGN_").unwrap_or(self.name);
        name.to_lowercase().replace('_', "-")
    }

    /// The flag of the value, unless it is secret, and that of the file, if there may be one. Hidden where a command does not
    /// read them, and from the short help in any case.
    pub(super) fn arguments(self, reads: Reads) -> impl Iterator<Item = Arg> {
        let argument = move |name, flag, help: &str| {
            self.argument(name, flag, help).hide(!reads.contains(self))
        };
        let value = (!self.secret).then(|| argument(self.name.to_owned(), self.flag(), self.help));
        let file = self.file.then(|| {
            let help = format!("File with {}: {}", self.name, self.help);
            argument(self.file_name(), format!("{}-file", self.flag()), &help)
        });
        value.into_iter().chain(file)
    }

    fn argument(self, name: String, flag: String, help: &str) -> Arg {
        let help = format!("{help} [env: {name}] [default: {}]", self.default.text());
        Arg::new(name)
            .long(flag)
            .help(help)
            .help_heading(self.topic())
            .value_name("VALUE")
            .hide_short_help(true)
            .global(true)
    }
}

impl AsRef<str> for Setting {
    fn as_ref(&self) -> &str {
        self.name
    }
}
