//! The sources of settings: a flag, else the environment, else the default.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
};

use clap::{Arg, ArgMatches};
use zeroize::Zeroizing;

use super::{
    Problems, flags,
    reads::Reads,
    setting::Setting,
    settings::{CALLERS, DATABASE_URL, all_settings},
};
use crate::store::Kind;

/// Where a given value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag,
    /// An environment variable.
    Environment,
    /// A file, with its path.
    File(String),
    /// A file that can't be read. Its path is not kept: it may be the secret itself, given by mistake.
    UnreadFile,
    /// The table of settings.
    Default,
    /// The code.
    Computed,
}

/// A value as it was given.
struct Given {
    text: Zeroizing<String>,
    source: Source,
}

/// The given values, by the name of their setting, and the problems in giving them.
#[derive(Default)]
pub struct Settings {
    values: HashMap<String, Given>,
    empty: HashSet<String>,
    pub(super) problems: Problems,
    #[cfg(test)]
    asked: std::cell::RefCell<std::collections::BTreeSet<String>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings(..)")
    }
}

impl Settings {
    /// The flags of all settings.
    pub fn arguments() -> impl Iterator<Item = Arg> {
        Self::arguments_of(Reads::Everything)
    }

    /// The flags of all settings. The command's help shows only those that it reads.
    pub fn arguments_of(reads: Reads) -> impl Iterator<Item = Arg> {
        flags::arguments(reads)
    }

    /// Collects the values of flags and environment. An empty value counts as absent. Unknown variables with our
    /// prefix, values that are not UTF-8 and unreadable files are problems for [`super::Config`] to report.
    #[expect(clippy::disallowed_methods, reason = "this module is the one that may")]
    pub fn gather(flags: &ArgMatches) -> Self {
        Self::gather_from(flags, std::env::vars_os())
    }

    /// Collects the values of flags only, for programs that embed the service, and for tests.
    pub fn from_flags(flags: &ArgMatches) -> Self {
        Self::gather_from(flags, [])
    }

    fn gather_from(
        flags: &ArgMatches,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let mut settings = Self::default();
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
            if !is_known(name) {
                settings.problems.add(name, "is not a setting: see `countersign --help`");
            } else if let Some(value) = value.to_str() {
                settings.put(name, value, Source::Environment);
            } else {
                settings.problems.add(name, "must be UTF-8");
            }
        }
        for setting in all_settings() {
            let names =
                [(setting.name.to_owned(), !setting.secret), (setting.file_name(), setting.file)];
            for (name, _) in names.iter().filter(|(_, is_flag)| *is_flag) {
                if let Some(value) = flags.get_one::<String>(name) {
                    settings.put(name, value, Source::Flag);
                }
            }
            if setting.file {
                settings.read_file(setting);
            }
        }
        settings.refuse_an_empty_database();
        settings.refuse_an_empty_policy();
        settings
    }

    /// Editors and `echo` end a text with a line end, which gets into files and, from there, into the environment: it
    /// is stripped. A line end in the middle is a mistake in most settings.
    fn put(&mut self, name: &str, value: &str, source: Source) {
        let line = value.strip_suffix('\n').unwrap_or(value);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let may_have_lines = all_settings().any(|known| known.lines && known.name == name);
        if line.contains('\0') || (line.contains(['\n', '\r']) && !may_have_lines) {
            self.problems.add_of_value(name, "must be one line");
        }
        if line.is_empty() {
            self.empty.insert(name.to_owned());
        } else {
            self.empty.remove(name);
            let text = Zeroizing::new(line.to_owned());
            self.values.insert(name.to_owned(), Given { text, source });
        }
    }

    /// An absent database means the development profile; an empty one, forgotten in a template, is a mistake.
    fn refuse_an_empty_database(&mut self) {
        let file = DATABASE_URL.file_name();
        for name in [DATABASE_URL.name, &file] {
            if self.empty.contains(name) && self.get(DATABASE_URL).is_none() {
                let problem = "is set and empty: set it to postgres://…, or unset it for SQLite";
                self.problems.add(name, problem);
                return;
            }
        }
    }

    /// Fails closed: an absent policy opens every door, and an empty one was forgotten in a template.
    fn refuse_an_empty_policy(&mut self) {
        let file = CALLERS.file_name();
        for name in [CALLERS.name, &file] {
            if self.empty.contains(name) && self.get(CALLERS).is_none() {
                self.problems.add(name, "is set and empty: set a policy, or unset it");
            }
        }
    }

    fn read_file(&mut self, setting: Setting) {
        let file_name = setting.file_name();
        let Some(Given { text: path, .. }) = self.values.remove(&file_name) else {
            return;
        };
        if self.values.contains_key(setting.name) {
            self.problems
                .add(&file_name, format!("and {} are both set: one is enough", setting.name));
        }
        match std::fs::read_to_string(path.as_str()) {
            Ok(text) => {
                let source = Source::File(path.to_string());
                self.put(setting.name, Zeroizing::new(text).trim(), source);
            }
            // Without the path: it may be the secret itself, given by mistake.
            Err(error) => self.problems.add(&file_name, format!("cannot be read: {error}")),
        }
    }

    /// The settings that were read.
    #[cfg(test)]
    pub(super) fn asked(&self) -> std::collections::BTreeSet<String> {
        self.asked.borrow().clone()
    }

    /// The given value of a setting, if any.
    pub(super) fn get(&self, setting: Setting) -> Option<&str> {
        #[cfg(test)]
        self.asked.borrow_mut().insert(setting.name.to_owned());
        self.values.get(setting.name).map(|given| given.text.as_str())
    }

    /// Whether a text must not be repeated: a secret's, one that holds a secret that was given, and one with credentials,
    /// or a database's URL, which were meant for another setting.
    pub(super) fn is_confidential(&self, setting: Setting, text: &str) -> bool {
        let has_credentials =
            text.split_once(':').is_some_and(|(_, after_colon)| after_colon.contains('@'));
        let secrets = all_settings().filter(|setting| setting.secret);
        let mut secrets = secrets.filter_map(|secret| self.values.get(secret.name));
        let is_database = setting != DATABASE_URL && Kind::of(text) == Some(Kind::Postgres);
        setting.secret
            || has_credentials
            || is_database
            || secrets.any(|secret| text.contains(secret.text.as_str()))
    }

    /// Where the given value of a setting comes from.
    pub(super) fn source(&self, setting: Setting) -> Option<&Source> {
        self.values.get(setting.name).map(|given| &given.source)
    }
}

/// Whether a variable is meant for us. Kubernetes sets its own for every service whose name begins like ours.
fn is_ours(name: &str) -> bool {
    let kubernetes = ["_SERVICE_HOST", "_PORT"].iter().any(|end| name.ends_with(end))
        || ["_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part));
    name == DATABASE_URL.name
        || name == DATABASE_URL.file_name()
        || (name.starts_with("COUNTERSIGN_") && !kubernetes)
        // Of OpenTelemetry's there are more than we know: other signals, and other languages.
        || (name.starts_with("OTEL_") && is_known(name))
}

fn is_known(name: &str) -> bool {
    all_settings()
        .any(|setting| name == setting.name || (setting.file && name == setting.file_name()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::{
        super::{
            settings::{LOG, MASTER_KEY},
            token_settings::ISSUER,
        },
        *,
    };

    /// The settings of these flags and variables.
    pub(in crate::config) fn settings(flags: &[&str], environment: &[(&str, &str)]) -> Settings {
        let command = clap::Command::new("countersign").args(Settings::arguments());
        let matches = command.get_matches_from(std::iter::once(&"countersign").chain(flags));
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        Settings::gather_from(&matches, environment)
    }

    #[test]
    fn no_setting_looks_like_one_of_kubernetes() {
        assert!(all_settings().all(|setting| is_ours(setting.name)));
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let settings = settings(&["--log", "debug"], &[(LOG.name, "warn"), (ISSUER.name, "")]);
        assert_eq!(settings.get(LOG), Some("debug"));
        assert_eq!(settings.get(ISSUER), None);
    }

    #[test]
    fn unknown_settings_are_named_and_those_of_kubernetes_are_let_be() {
        let environment = [
            ("COUNTERSIGN_MASTERKEY", "x"),
            ("COUNTERSIGN_OPT_TTL", "5m"),
            ("COUNTERSIGN_PORT_50051_TCP", "tcp://10.0.0.1:50051"),
            ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
            ("COUNTERSIGN_POSTGRES_PORT", "tcp://10.0.0.2:5432"),
            ("COUNTERSIGN_GRPC_SERVICE_PORT_GRPC", "50051"),
            ("PATH", "/bin"),
        ];
        let problems = settings(&[], &environment).problems;
        let names: Vec<_> = problems.0.iter().map(|problem| problem.setting.as_str()).collect();
        assert_eq!(names, ["COUNTERSIGN_MASTERKEY", "COUNTERSIGN_OPT_TTL"]);
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_variable_and_has_no_flag_of_its_own() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "c2VjcmV0").unwrap();
        let path = file.path().to_str().unwrap();
        let from_file = settings(&["--master-key-file", path], &[]);
        assert_eq!(from_file.get(MASTER_KEY), Some("c2VjcmV0"));
        let both = settings(&["--master-key-file", path], &[(MASTER_KEY.name, "x")]);
        let missing = settings(&["--master-key-file", "/nowhere"], &[]);
        for refused in [both, missing] {
            assert_eq!(refused.problems.0[0].setting, "COUNTERSIGN_MASTER_KEY_FILE");
        }
        assert!(!Settings::arguments().any(|arg| arg.get_long() == Some("master-key")));
    }
}
