//! The table of all settings, and where their values come from: a flag, else the environment, else the default.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
};

use clap::{Arg, ArgMatches};
use zeroize::Zeroizing;

use super::{
    Problems,
    topics::{Reads, topic},
};

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The default, as it is documented.
    pub default: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Secrets have no flag, because others on the machine can read a command line; instead, `NAME_FILE` names a file.
    pub secret: bool,
    /// Whether `NAME_FILE` may name a file with the value. So it is for all secrets, and for `DATABASE_URL`, which has a flag
    /// as well: it is no secret without a password in it, as with SQLite.
    pub file: bool,
}

const fn plain(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false, file: false }
}

const fn secret(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: true, file: true }
}

/// All settings, in the order in which they are documented.
pub const SETTINGS: &[Setting] = &[
    Setting {
        file: true,
        ..plain(DATABASE_URL, "sqlite://data/countersign.db", "postgres://… or sqlite://…")
    },
    plain(DATABASE_CONNECTIONS, "10", "most connections to the database, beside one that listens"),
    plain(
        MIGRATE,
        "on",
        "what serve does about migrations: on (runs them), check (starts only if there are none) or off",
    ),
    secret(
        MIGRATE_URL,
        "that of the database",
        "with Postgres: the URL through which migrations run",
    ),
    plain(
        FSYNC_OFF_AT,
        "",
        "hosts of Postgres that may have fsync off, because their storage keeps what is acknowledged",
    ),
    plain(GRPC_ADDR, "127.0.0.1:50051", "where gRPC listens; port 0 picks one"),
    plain(HTTP_ADDR, "127.0.0.1:8080", "where HTTP listens: key set, probes, metrics"),
    secret(
        MASTER_KEY,
        "made in development",
        "32 bytes in base64: encrypts keys and secrets at rest",
    ),
    secret(
        MASTER_KEY_OLD,
        "",
        "a second master key, for reading alone, while the first one is replaced",
    ),
    plain(DELIVERY, "log in development", "how codes reach people: log, smtp or webhook"),
    secret(SMTP_URL, "", "smtps://user:password@host:port, or with STARTTLS smtp://…?tls=required"),
    plain(SMTP_FROM, "", "the sender of mails: Countersign <auth@example.com>"),
    plain(
        SMTP_HELLO,
        "the host's name",
        "with smtp: the name for EHLO; one that resolves to the address that mail comes from",
    ),
    plain(TEMPLATES, "built in", "with smtp: a folder with texts of your own"),
    plain(WEBHOOK_URL, "", "https://…; http only to a loopback address"),
    secret(WEBHOOK_SECRET, "", "signs webhooks: at least 24 bytes in base64"),
    plain(DELIVERY_CA, "none", "file of authorities (PEM) to believe beside the public ones"),
    plain(
        ISSUER,
        "http://localhost:8080 in development",
        "the claim iss: where the HTTP side is reached",
    ),
    plain(
        AUDIENCE,
        "countersign",
        "the claim aud; several with commas, the first is the default and AccountService's own",
    ),
    plain(JWT_ALGORITHM, "ES256", "ES256, EdDSA, RS256 or HS256"),
    secret(JWT_SECRET, "", "with HS256: at least 32 bytes in base64"),
    plain(
        KEY_ROTATION,
        "90d",
        "how old the signing key gets before the next one is made; 1h to 10years",
    ),
    plain(
        KEY_LEAD,
        "30m",
        "from when all replicas publish a new signing key to its first signature; 5m to 7days, shorter than the rotation",
    ),
    plain(ACCESS_TOKEN_TTL, "15m", "how long an access token is valid"),
    plain(REFRESH_TOKEN_TTL, "30d", "how long a session lives at the most"),
    plain(SESSION_IDLE_TTL, "14d", "how long a session lives that is not used"),
    plain(
        SESSIONS_PER_USER,
        "100",
        "sessions that a user may have, 1 to 1000; a login beyond that ends the oldest",
    ),
    plain(OTP_TTL, "5m", "how long a challenge, reset or verification lives, at most 10m"),
    plain(
        OTP_MAX_ATTEMPTS,
        "5",
        "codes that can be tried for one challenge, reset, verification or enrolment",
    ),
    plain(OTP_RESEND_AFTER, "30s", "how long until another code can be sent"),
    plain(EMAIL_VERIFICATION, "off", "whether Register sends a code to the address: on or off"),
    plain(
        UNVERIFIED_TTL,
        "7d",
        "with that on: how long a new account may go without verifying its address; 1h to 1year",
    ),
    plain(TOTP_ISSUER, "Countersign", "the name beside codes in authenticator apps; no colon"),
    plain(EVENT_RETENTION, "90d", "how long security events are kept; 1d to 10years"),
    plain(BCRYPT_COST, "12", "4 to 16; under 10 only in development"),
    plain(PASSWORD_MIN_LENGTH, "8", "fewest characters of a new password, 8 to 128"),
    plain(HASH_THREADS, "one a core", "threads that hash passwords"),
    plain(HASH_QUEUE, "32 a thread", "hashes that may wait; more are refused"),
    plain(HASH_KERNEL, "auto", "auto (the fastest here), bmi, portable, or crate (plain bcrypt)"),
    plain(HASH_LANES, "auto", "hashes that one thread runs side by side: auto, or 1 to 6"),
    plain(
        ADDRESS_RATE,
        "100",
        "calls a second from one address, 5 s' worth at once; 0 is no limit",
    ),
    plain(
        SOURCE_FAILURES,
        "600",
        "failed logins and codes an hour from one address, and mails asked for; a sixth at once; 0 is no limit",
    ),
    plain(SERVICE_FAILURES, "100000", "the same from all addresses together; 0 is no limit"),
    plain(TRUSTED_PROXIES, "", "networks whose x-forwarded-for is believed, such as 10.0.0.0/8"),
    plain(
        FORWARDED_HEADER,
        "x-forwarded-for",
        "the header that they write: x-forwarded-for, or forwarded (RFC 7239)",
    ),
    plain(REFLECTION, "on in development", "gRPC reflection: on or off"),
    plain(
        STREAM_AGE,
        "30m",
        "how long a stream of WatchRevocations lasts, give or take a tenth; then it ends with OK; 1m to 1day",
    ),
    plain(DRAIN_DELAY, "0s, 5s with Postgres", "from not ready to no new connections, at shutdown"),
    plain(SHUTDOWN_TIMEOUT, "20s", "how long running calls have to end, at shutdown"),
    plain(LOG, "info", "log filter, such as info,countersign=debug"),
    plain(LOG_FORMAT, "text", "text or json"),
];

pub(super) const DATABASE_URL: &str = "DATABASE_URL";
pub(super) const DATABASE_CONNECTIONS: &str = "COUNTERSIGN_DATABASE_CONNECTIONS";
pub(super) const MIGRATE: &str = "COUNTERSIGN_MIGRATE";
pub(super) const MIGRATE_URL: &str = "COUNTERSIGN_MIGRATE_URL";
pub(super) const FSYNC_OFF_AT: &str = "COUNTERSIGN_FSYNC_OFF_AT";
pub(super) const GRPC_ADDR: &str = "COUNTERSIGN_GRPC_ADDR";
pub(super) const HTTP_ADDR: &str = "COUNTERSIGN_HTTP_ADDR";
pub(super) const MASTER_KEY: &str = "COUNTERSIGN_MASTER_KEY";
pub(super) const MASTER_KEY_OLD: &str = "COUNTERSIGN_MASTER_KEY_OLD";
pub(super) const DELIVERY: &str = "COUNTERSIGN_DELIVERY";
pub(super) const SMTP_URL: &str = "COUNTERSIGN_SMTP_URL";
pub(super) const SMTP_FROM: &str = "COUNTERSIGN_SMTP_FROM";
pub(super) const SMTP_HELLO: &str = "COUNTERSIGN_SMTP_HELLO";
pub(super) const TEMPLATES: &str = "COUNTERSIGN_TEMPLATES";
pub(super) const WEBHOOK_URL: &str = "COUNTERSIGN_WEBHOOK_URL";
pub(super) const WEBHOOK_SECRET: &str = "COUNTERSIGN_WEBHOOK_SECRET";
pub(super) const DELIVERY_CA: &str = "COUNTERSIGN_DELIVERY_CA";
pub(super) const ISSUER: &str = "COUNTERSIGN_ISSUER";
pub(super) const AUDIENCE: &str = "COUNTERSIGN_AUDIENCE";
pub(super) const JWT_ALGORITHM: &str = "COUNTERSIGN_JWT_ALGORITHM";
pub(super) const JWT_SECRET: &str = "COUNTERSIGN_JWT_SECRET";
pub(super) const KEY_ROTATION: &str = "COUNTERSIGN_KEY_ROTATION";
pub(super) const KEY_LEAD: &str = "COUNTERSIGN_KEY_LEAD";
pub(super) const ACCESS_TOKEN_TTL: &str = "COUNTERSIGN_ACCESS_TOKEN_TTL";
pub(super) const REFRESH_TOKEN_TTL: &str = "COUNTERSIGN_REFRESH_TOKEN_TTL";
pub(super) const SESSION_IDLE_TTL: &str = "COUNTERSIGN_SESSION_IDLE_TTL";
pub(super) const SESSIONS_PER_USER: &str = "COUNTERSIGN_SESSIONS_PER_USER";
pub(super) const OTP_TTL: &str = "COUNTERSIGN_OTP_TTL";
pub(super) const OTP_MAX_ATTEMPTS: &str = "COUNTERSIGN_OTP_MAX_ATTEMPTS";
pub(super) const OTP_RESEND_AFTER: &str = "COUNTERSIGN_OTP_RESEND_AFTER";
pub(super) const EMAIL_VERIFICATION: &str = "COUNTERSIGN_EMAIL_VERIFICATION";
pub(super) const UNVERIFIED_TTL: &str = "COUNTERSIGN_UNVERIFIED_TTL";
pub(super) const TOTP_ISSUER: &str = "COUNTERSIGN_TOTP_ISSUER";
pub(super) const EVENT_RETENTION: &str = "COUNTERSIGN_EVENT_RETENTION";
pub(super) const BCRYPT_COST: &str = "COUNTERSIGN_BCRYPT_COST";
pub(super) const PASSWORD_MIN_LENGTH: &str = "COUNTERSIGN_PASSWORD_MIN_LENGTH";
pub(super) const HASH_THREADS: &str = "COUNTERSIGN_HASH_THREADS";
pub(super) const HASH_QUEUE: &str = "COUNTERSIGN_HASH_QUEUE";
pub(super) const HASH_KERNEL: &str = "COUNTERSIGN_HASH_KERNEL";
pub(super) const HASH_LANES: &str = "COUNTERSIGN_HASH_LANES";
pub(super) const ADDRESS_RATE: &str = "COUNTERSIGN_ADDRESS_RATE";
pub(super) const SOURCE_FAILURES: &str = "COUNTERSIGN_SOURCE_FAILURES";
pub(super) const SERVICE_FAILURES: &str = "COUNTERSIGN_SERVICE_FAILURES";
pub(super) const TRUSTED_PROXIES: &str = "COUNTERSIGN_TRUSTED_PROXIES";
pub(super) const FORWARDED_HEADER: &str = "COUNTERSIGN_FORWARDED_HEADER";
pub(super) const REFLECTION: &str = "COUNTERSIGN_REFLECTION";
pub(super) const STREAM_AGE: &str = "COUNTERSIGN_STREAM_AGE";
pub(super) const DRAIN_DELAY: &str = "COUNTERSIGN_DRAIN_DELAY";
pub(super) const SHUTDOWN_TIMEOUT: &str = "COUNTERSIGN_SHUTDOWN_TIMEOUT";
pub(super) const LOG: &str = "COUNTERSIGN_LOG";
pub(super) const LOG_FORMAT: &str = "COUNTERSIGN_LOG_FORMAT";

impl Setting {
    /// The variable that names a file with the secret.
    fn file_name(&self) -> String {
        format!("{}_FILE", self.name)
    }

    /// The flag: `--grpc-addr` for `COUNTERSIGN_GRPC_ADDR`.
    fn flag(&self) -> String {
        let name = self.name.strip_prefix("COUNTERSIGN_").unwrap_or(self.name);
        name.to_lowercase().replace('_', "-")
    }

    /// The flag of the value, unless it is secret, and that of the file, if there may be one. Hidden where a command does not
    /// read them, and from the short help in any case.
    fn arguments(&self, reads: Reads) -> impl Iterator<Item = Arg> {
        let argument = |name, flag, help: &str| {
            self.argument(name, flag, help).hide(!reads.contains(self.name))
        };
        let value = (!self.secret).then(|| argument(self.name.to_owned(), self.flag(), self.help));
        let file = self.file.then(|| {
            let help = format!("File with {}: {}", self.name, self.help);
            argument(self.file_name(), format!("{}-file", self.flag()), &help)
        });
        value.into_iter().chain(file)
    }

    fn argument(&self, name: String, flag: String, help: &str) -> Arg {
        let default = if self.default.is_empty() { "none" } else { self.default };
        let help = format!("{help} [env: {name}] [default: {default}]");
        Arg::new(name)
            .long(flag)
            .help(help)
            .help_heading(topic(self.name))
            .value_name("VALUE")
            .hide_short_help(true)
            .global(true)
    }
}

/// The values that were given, by the name of their setting, and what was wrong in the giving.
#[derive(Default)]
pub struct Settings {
    values: HashMap<String, Zeroizing<String>>,
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

    /// The flags of all settings for a command that reads those: its help shows no others.
    pub fn arguments_of(reads: Reads) -> impl Iterator<Item = Arg> {
        SETTINGS.iter().flat_map(move |setting| setting.arguments(reads))
    }

    /// Takes what flags and environment give. An empty value counts as none. Variables that look like ours and are not,
    /// values that are not UTF-8 and files that can't be read are problems for [`super::Config`] to report.
    #[expect(clippy::disallowed_methods, reason = "this module is the one that may")]
    pub fn gather(flags: &ArgMatches) -> Self {
        Self::gather_from(flags, std::env::vars_os())
    }

    /// Takes what flags give, whatever the environment holds: for those who embed the service, and for tests.
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
                settings.put(name, value);
            } else {
                settings.problems.add(name, "must be UTF-8");
            }
        }
        for setting in SETTINGS {
            let names =
                [(setting.name.to_owned(), !setting.secret), (setting.file_name(), setting.file)];
            for (name, _) in names.iter().filter(|(_, is_flag)| *is_flag) {
                if let Some(value) = flags.get_one::<String>(name) {
                    settings.put(name, value);
                }
            }
            if setting.file {
                settings.read_file(setting);
            }
        }
        settings.refuse_an_empty_database();
        settings
    }

    /// Editors and `echo` end a text with a line end, which gets into files and, from there, into the environment: it is not
    /// of the value. One in the middle would be of it, and is always a mistake.
    fn put(&mut self, name: &str, value: &str) {
        let line = value.strip_suffix('\n').unwrap_or(value);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains(['\n', '\r', '\0']) {
            self.problems.add(name, "must be one line");
        }
        if line.is_empty() {
            self.empty.insert(name.to_owned());
        } else {
            self.empty.remove(name);
            self.values.insert(name.to_owned(), Zeroizing::new(line.to_owned()));
        }
    }

    /// No database is the development profile; one that was forgotten in a template is a mistake.
    fn refuse_an_empty_database(&mut self) {
        let file = format!("{DATABASE_URL}_FILE");
        for name in [DATABASE_URL, &file] {
            if self.empty.contains(name) && self.get(DATABASE_URL).is_none() {
                let problem = "is set and empty: set it to postgres://…, or unset it for SQLite";
                self.problems.add(name, problem);
                return;
            }
        }
    }

    fn read_file(&mut self, setting: &Setting) {
        let file_name = setting.file_name();
        let Some(path) = self.values.remove(&file_name) else {
            return;
        };
        if self.values.contains_key(setting.name) {
            self.problems
                .add(&file_name, format!("and {} are both set: one is enough", setting.name));
        }
        match std::fs::read_to_string(path.as_str()) {
            Ok(text) => self.put(setting.name, Zeroizing::new(text).trim()),
            // Without the path: somebody may have put the secret itself there.
            Err(error) => self.problems.add(&file_name, format!("cannot be read: {error}")),
        }
    }

    /// The settings that somebody has asked for.
    #[cfg(test)]
    pub(super) fn asked(&self) -> std::collections::BTreeSet<String> {
        self.asked.borrow().clone()
    }

    /// What was given for a setting, if anything.
    pub fn get(&self, name: &str) -> Option<&str> {
        #[cfg(test)]
        self.asked.borrow_mut().insert(name.to_owned());
        self.values.get(name).map(|value| value.as_str())
    }
}

/// Whether a variable is meant for us. Kubernetes sets some of its own for every service whose name begins like ours.
fn is_ours(name: &str) -> bool {
    let kubernetes = ["_SERVICE_HOST", "_PORT"].iter().any(|end| name.ends_with(end))
        || ["_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part));
    name == DATABASE_URL
        || name == "DATABASE_URL_FILE"
        || (name.starts_with("COUNTERSIGN_") && !kubernetes)
}

fn is_known(name: &str) -> bool {
    SETTINGS
        .iter()
        .any(|setting| name == setting.name || (setting.file && name == setting.file_name()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::*;

    /// What these flags and variables give.
    pub(in crate::config) fn settings(flags: &[&str], environment: &[(&str, &str)]) -> Settings {
        let command = clap::Command::new("countersign").args(Settings::arguments());
        let matches = command.get_matches_from(std::iter::once(&"countersign").chain(flags));
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        Settings::gather_from(&matches, environment)
    }

    #[test]
    fn no_setting_looks_like_one_of_kubernetes() {
        assert!(SETTINGS.iter().all(|setting| is_ours(setting.name)));
    }

    #[test]
    fn the_documentation_has_the_same_table() {
        let page = include_str!("../../docs/configure.md");
        let rows: Vec<_> = page
            .lines()
            .filter(|line| {
                line.starts_with("| `COUNTERSIGN_") || line.starts_with("| `DATABASE_URL")
            })
            .collect();
        let expected: Vec<_> = SETTINGS
            .iter()
            .map(|setting| {
                format!("| `{}` | {} | {} |", setting.name, setting.default, setting.help)
            })
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let settings = settings(&["--log", "debug"], &[(LOG, "warn"), (ISSUER, "")]);
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
        let both = settings(&["--master-key-file", path], &[(MASTER_KEY, "x")]);
        let missing = settings(&["--master-key-file", "/nowhere"], &[]);
        for refused in [both, missing] {
            assert_eq!(refused.problems.0[0].setting, "COUNTERSIGN_MASTER_KEY_FILE");
        }
        assert!(!Settings::arguments().any(|arg| arg.get_long() == Some("master-key")));
    }
}
