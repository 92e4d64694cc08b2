//! The settings by topic, parsed and checked.

use std::{net::SocketAddr, str::FromStr, thread, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{MasterKeySource, Problems, Settings, settings as name};
use crate::{
    delivery::Delivery,
    domain::{CodePolicy, PasswordPolicy},
    password, service, store,
    token::{self, Algorithm, MasterKey, SigningKey},
};

/// What a deployment is for. It follows from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// SQLite: everything has a default.
    Development,
    /// Postgres: keys and delivery must be given.
    Production,
}

/// The whole configuration.
#[derive(Debug)]
pub struct Config {
    /// What the deployment is for.
    pub profile: Profile,
    /// The database.
    pub database: Database,
    /// The listeners.
    pub listen: Listen,
    /// What encrypts keys at rest.
    pub master_key: MasterKeySource,
    /// How codes reach people.
    pub delivery: Delivery,
    /// What signs access tokens.
    pub signing: Signing,
    /// What access tokens say.
    pub access_tokens: token::Settings,
    /// The rules for users, codes and sessions.
    pub policy: service::Policy,
    /// How passwords are hashed.
    pub password: password::Settings,
    /// The log.
    pub log: Log,
}

/// The database.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://…` or `sqlite://…`. It may hold a password.
    pub url: String,
    /// The most connections.
    pub max_connections: u32,
}

/// The listeners and how they end.
#[derive(Debug, Clone)]
pub struct Listen {
    /// gRPC.
    pub grpc: SocketAddr,
    /// HTTP.
    pub http: SocketAddr,
    /// Whether gRPC reflection is served.
    pub reflection: bool,
    /// From not ready to no new connections.
    pub drain_delay: Duration,
    /// How long running calls have to end.
    pub shutdown_timeout: Duration,
}

/// What signs access tokens.
#[derive(Debug, Clone)]
pub enum Signing {
    /// A key that the service makes and stores.
    Stored(Algorithm),
    /// The configured HS256 secret.
    Secret(SigningKey),
}

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

impl Config {
    /// Parses and checks the settings.
    ///
    /// # Errors
    /// All problems of all settings.
    pub fn parse(settings: &Settings) -> Result<Self, Problems> {
        let mut reader = Reader { settings, problems: settings.problems.clone() };
        let url = url(settings);
        let profile = Profile::of(url);
        let config = Self {
            profile,
            database: reader.database(url),
            listen: reader.listen(profile),
            master_key: reader.master_key(profile, url),
            delivery: reader.delivery(profile),
            signing: reader.signing(),
            access_tokens: reader.access_tokens(),
            policy: reader.policy(),
            password: reader.password(profile),
            log: reader.log(),
        };
        reader.problems.or(config)
    }

    /// The settings that `migrate` needs: a job that migrates need not know the keys.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn parse_for_migration(settings: &Settings) -> Result<(Database, Log), Problems> {
        let mut reader = Reader { settings, problems: settings.problems.clone() };
        let config = (reader.database(url(settings)), reader.log());
        reader.problems.or(config)
    }

    /// The settings that `healthcheck` needs.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn parse_for_probe(settings: &Settings) -> Result<(Listen, Log), Problems> {
        let mut reader = Reader { settings, problems: settings.problems.clone() };
        let config = (reader.listen(Profile::of(url(settings))), reader.log());
        reader.problems.or(config)
    }
}

fn url(settings: &Settings) -> &str {
    settings.get(name::DATABASE_URL).unwrap_or("sqlite://data/countersign.db")
}

impl Profile {
    fn of(url: &str) -> Self {
        match url.split_once(':') {
            Some(("sqlite", _)) => Self::Development,
            _ => Self::Production,
        }
    }
}

/// Reads the settings one by one. After a problem it goes on with a value that does no harm: it is never used.
struct Reader<'a> {
    settings: &'a Settings,
    problems: Problems,
}

impl Reader<'_> {
    /// The setting through `parse`, or `default` where none was given.
    fn read<T>(
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

    fn number<T>(&mut self, name: &str, default: T, range: std::ops::RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        self.read(name, default, |text| match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
        })
    }

    fn duration(&mut self, name: &str, default: Duration, longest: Duration) -> Duration {
        self.read(name, default, |text| match humantime::parse_duration(text) {
            Ok(duration) if duration <= longest => Ok(duration),
            _ => {
                let longest = humantime::format_duration(longest);
                Err(format!("must be a duration such as 90s or 15m, at most {longest}"))
            }
        })
    }

    fn database(&mut self, url: &str) -> Database {
        if !["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme))
        {
            self.problems.add(name::DATABASE_URL, "must begin with postgres:// or sqlite://");
        }
        let max_connections = self.number(name::DATABASE_CONNECTIONS, 10, 1..=1000);
        Database { url: url.to_owned(), max_connections }
    }

    fn listen(&mut self, profile: Profile) -> Listen {
        let address = |text: &str| {
            text.parse().map_err(|_not_an_address| {
                "must be an address and a port such as 0.0.0.0:50051".to_owned()
            })
        };
        let development = profile == Profile::Development;
        let drain_delay = Duration::from_secs(if development { 0 } else { 5 });
        Listen {
            grpc: self.read(name::GRPC_ADDR, SocketAddr::from(([127, 0, 0, 1], 50051)), address),
            http: self.read(name::HTTP_ADDR, SocketAddr::from(([127, 0, 0, 1], 8080)), address),
            reflection: self.read(name::REFLECTION, development, |text| match text {
                "on" => Ok(true),
                "off" => Ok(false),
                _ => Err("must be on or off".into()),
            }),
            drain_delay: self.duration(name::DRAIN_DELAY, drain_delay, minutes(10)),
            shutdown_timeout: self.duration(
                name::SHUTDOWN_TIMEOUT,
                Duration::from_secs(20),
                minutes(10),
            ),
        }
    }

    fn master_key(&mut self, profile: Profile, url: &str) -> MasterKeySource {
        let database = store::sqlite::file(url).unwrap_or_default();
        let beside_database = MasterKeySource::MadeAt(database.with_file_name("master.key"));
        if profile == Profile::Production && self.settings.get(name::MASTER_KEY).is_none() {
            let problem = "(or COUNTERSIGN_MASTER_KEY_FILE) must be set with Postgres: 32 bytes in base64, as \
                           `openssl rand -base64 32` prints them";
            self.problems.add(name::MASTER_KEY, problem);
        }
        self.read(name::MASTER_KEY, beside_database, |text| {
            MasterKey::parse(text)
                .map(|key| MasterKeySource::Given(Box::new(key)))
                .map_err(str::to_owned)
        })
    }

    fn delivery(&mut self, profile: Profile) -> Delivery {
        if profile == Profile::Production && self.settings.get(name::DELIVERY).is_none() {
            let problem = "must be set with Postgres: log writes the codes to the log";
            self.problems.add(name::DELIVERY, problem);
        }
        self.read(name::DELIVERY, Delivery::Log, |text| match text {
            "log" => Ok(Delivery::Log),
            _ => Err("must be log, the only delivery of this release".into()),
        })
    }

    fn signing(&mut self) -> Signing {
        let algorithm = self.read(name::JWT_ALGORITHM, Algorithm::Es256, str::parse);
        let secret = self.read(name::JWT_SECRET, None, |text| {
            let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() >= 32);
            bytes.map(Some).ok_or_else(|| "must be at least 32 bytes in base64".to_owned())
        });
        match (algorithm, secret) {
            (Algorithm::Hs256, Some(secret)) => Signing::Secret(SigningKey::from_secret(&secret)),
            (Algorithm::Hs256, None) => {
                if self.settings.get(name::JWT_SECRET).is_none() {
                    self.problems.add(
                        name::JWT_SECRET,
                        "must be set with HS256: at least 32 bytes in base64",
                    );
                }
                Signing::Stored(Algorithm::Es256)
            }
            (algorithm, secret) => {
                if secret.is_some() {
                    self.problems.add(name::JWT_SECRET, "is of use with HS256 only");
                }
                Signing::Stored(algorithm)
            }
        }
    }

    fn access_tokens(&mut self) -> token::Settings {
        let issuer = self.read(name::ISSUER, "http://localhost:8080".to_owned(), |text| {
            let url = Url::parse(text).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.query().is_none()
                    && url.fragment().is_none()
            });
            url.map(|_| text.to_owned()).ok_or_else(|| "must be an http or https URL".to_owned())
        });
        let ttl = self.duration(name::ACCESS_TOKEN_TTL, minutes(15), minutes(24 * 60));
        if ttl < Duration::from_secs(1) {
            self.problems.add(name::ACCESS_TOKEN_TTL, "must be at least 1s");
        }
        token::Settings { issuer, ttl }
    }

    fn policy(&mut self) -> service::Policy {
        let audiences = self.read(name::AUDIENCE, vec!["countersign".to_owned()], |text| {
            let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
            let empty = names.iter().any(String::is_empty);
            if empty { Err("must be names with commas between them".into()) } else { Ok(names) }
        });
        let days = |days: u64| minutes(days * 24 * 60);
        service::Policy {
            password: PasswordPolicy {
                min_length: self.number(name::PASSWORD_MIN_LENGTH, 8, 8..=128),
            },
            code: CodePolicy {
                ttl: self.duration(name::OTP_TTL, minutes(5), minutes(10)),
                max_attempts: self.number(name::OTP_MAX_ATTEMPTS, 5, 1..=10),
                resend_after: self.duration(
                    name::OTP_RESEND_AFTER,
                    Duration::from_secs(30),
                    minutes(10),
                ),
            },
            session_ttl: self.duration(name::REFRESH_TOKEN_TTL, days(30), days(365)),
            audiences,
        }
    }

    fn password(&mut self, profile: Profile) -> password::Settings {
        let cost = self.number(name::BCRYPT_COST, 12, 4..=16);
        if profile == Profile::Production && cost < 10 {
            self.problems.add(name::BCRYPT_COST, "must be at least 10 with Postgres");
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = self.number(name::HASH_THREADS, cores, 1..=1024);
        let queue = self.number(name::HASH_QUEUE, 8 * threads, 1..=100_000);
        password::Settings { cost, threads, queue }
    }

    fn log(&mut self) -> Log {
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

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[cfg(test)]
mod tests {
    use super::{super::settings::tests::settings, *};

    fn parse(environment: &[(&str, &str)]) -> Result<Config, Problems> {
        Config::parse(&settings(&[], environment))
    }

    fn names(environment: &[(&str, &str)]) -> Vec<String> {
        let problems = parse(environment).map(|_| ()).unwrap_err();
        problems.0.into_iter().map(|problem| problem.setting).collect()
    }

    #[test]
    fn nothing_at_all_is_the_development_profile() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.profile, Profile::Development);
        assert!(config.listen.grpc.ip().is_loopback() && config.listen.http.ip().is_loopback());
        assert!(config.listen.reflection);
        let MasterKeySource::MadeAt(path) = config.master_key else { panic!("a given key") };
        assert_eq!(path, std::path::Path::new("data/master.key"));
    }

    #[test]
    fn with_postgres_all_that_is_missing_is_named_at_once() {
        let environment = [
            (name::DATABASE_URL, "postgres://localhost/x"),
            (name::BCRYPT_COST, "9"),
            ("COUNTERSIGN_OPT_TTL", "5m"),
        ];
        assert_eq!(
            names(&environment),
            ["COUNTERSIGN_OPT_TTL", name::MASTER_KEY, name::DELIVERY, name::BCRYPT_COST]
        );
    }

    #[test]
    fn with_postgres_reflection_is_off_and_there_is_a_drain_delay() {
        let key = STANDARD.encode([7; 32]);
        let config = parse(&[
            (name::DATABASE_URL, "postgres://localhost/x"),
            (name::MASTER_KEY, &key),
            (name::DELIVERY, "log"),
        ]);
        let listen = config.unwrap().listen;
        assert!(!listen.reflection);
        assert_eq!(listen.drain_delay, Duration::from_secs(5));
    }

    #[test]
    fn unknown_settings_stop_migrations_and_probes_too() {
        let settings = settings(&[], &[("COUNTERSIGN_OPT_TTL", "5m")]);
        for problems in [
            Config::parse_for_migration(&settings).map(|_| ()).unwrap_err(),
            Config::parse_for_probe(&settings).map(|_| ()).unwrap_err(),
        ] {
            assert_eq!(problems.0[0].setting, "COUNTERSIGN_OPT_TTL");
        }
    }

    #[test]
    fn a_database_url_is_not_repeated() {
        let problems = parse(&[(name::DATABASE_URL, "postgre://user:hunter2@localhost/x")]);
        assert!(!problems.map(|_| ()).unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn short_keys_stop_the_start_and_are_not_repeated() {
        let short = STANDARD.encode([7; 31]);
        let problems = parse(&[
            (name::MASTER_KEY, &short),
            (name::JWT_ALGORITHM, "HS256"),
            (name::JWT_SECRET, &short),
        ]);
        let problems = problems.map(|_| ()).unwrap_err();
        let names: Vec<_> = problems.0.iter().map(|problem| problem.setting.as_str()).collect();
        assert_eq!(names, [name::MASTER_KEY, name::JWT_SECRET]);
        assert!(!problems.to_string().contains(&short));
        let missing = parse(&[(name::JWT_ALGORITHM, "HS256")]).map(|_| ()).unwrap_err();
        assert_eq!(missing.0.len(), 1, "{missing}");
    }

    #[test]
    fn a_secret_that_nothing_would_use_is_a_problem() {
        let unused = STANDARD.encode([7; 32]);
        assert_eq!(names(&[(name::JWT_SECRET, &unused)]), [name::JWT_SECRET]);
    }

    #[test]
    fn each_bad_value_is_a_problem_of_its_own() {
        let bad = [
            (name::DATABASE_URL, "mysql://x"),
            (name::DATABASE_CONNECTIONS, "0"),
            (name::GRPC_ADDR, "50051"),
            (name::HTTP_ADDR, "localhost"),
            (name::REFLECTION, "yes"),
            (name::DRAIN_DELAY, "5"),
            (name::MASTER_KEY, "!"),
            (name::DELIVERY, "pigeon"),
            (name::JWT_ALGORITHM, "none"),
            (name::ISSUER, "localhost"),
            (name::ACCESS_TOKEN_TTL, "25h"),
            (name::AUDIENCE, "a,,b"),
            (name::PASSWORD_MIN_LENGTH, "7"),
            (name::OTP_TTL, "11m"),
            (name::OTP_MAX_ATTEMPTS, "11"),
            (name::BCRYPT_COST, "17"),
            (name::HASH_QUEUE, "-1"),
            (name::LOG, "countersign=loud"),
            (name::LOG_FORMAT, "xml"),
        ];
        assert_eq!(names(&bad), bad.map(|(name, _)| name));
        assert_eq!(names(&[(name::ACCESS_TOKEN_TTL, "999ms")]), [name::ACCESS_TOKEN_TTL]);
    }
}
