//! The configuration. The only module that reads the environment.
//!
//! [`SETTINGS`] is the one table of all settings: flags, environment variables, help and the README follow it. Each
//! topic has a file of its own, which reads its settings; every problem of all topics is reported at once.

mod database;
mod delivery;
mod listen;
mod log;
mod master_key;
mod password;
mod policy;
mod problems;
mod reader;
mod settings;
mod tokens;
mod topics;

use std::{net::SocketAddr, time::Duration};

use self::{database::url, reader::Reader};
use crate::{
    delivery::Delivery,
    password::Settings as Hashing,
    service::Policy,
    token::{self, MasterKey},
};

pub use self::{
    database::{Database, Profile},
    listen::Listen,
    log::{Log, LogFormat},
    master_key::MasterKeySource,
    problems::{Problem, Problems},
    settings::{SETTINGS, Setting, Settings},
    tokens::Signing,
    topics::Reads,
};

/// The whole configuration.
#[derive(Debug)]
pub struct Config {
    /// What the deployment is for.
    pub profile: Profile,
    /// The database.
    pub database: Database,
    /// The listeners.
    pub listen: Listen,
    /// What encrypts keys and secrets at rest.
    pub master_key: MasterKeySource,
    /// What encrypted them before, while it is being replaced.
    pub old_master_key: Option<MasterKey>,
    /// How codes reach people.
    pub delivery: Delivery,
    /// What signs access tokens.
    pub signing: Signing,
    /// How old a stored signing key gets before the next one is made.
    pub key_rotation: Duration,
    /// From when every replica publishes a new key to its first signature.
    pub key_lead: Duration,
    /// What access tokens say.
    pub access_tokens: token::Settings,
    /// The rules for users, codes and sessions.
    pub policy: Policy,
    /// How passwords are hashed.
    pub password: Hashing,
    /// The log.
    pub log: Log,
}

impl Config {
    /// Parses and checks the settings.
    ///
    /// # Errors
    /// All problems of all settings.
    pub fn parse(settings: &Settings) -> Result<Self, Problems> {
        let mut reader = Reader::new(settings);
        let url = url(settings);
        let profile = Profile::of(url);
        let config = Self {
            profile,
            database: reader.database(url),
            listen: reader.listen(profile),
            master_key: reader.master_key(profile, url),
            old_master_key: reader.old_master_key(),
            delivery: reader.delivery(profile),
            signing: reader.signing(),
            key_rotation: reader.key_rotation(),
            key_lead: reader.key_lead(),
            access_tokens: reader.access_tokens(profile),
            policy: reader.policy(),
            password: reader.password(profile),
            log: reader.log(),
        };
        reader.key_lead_fits(config.key_lead, config.key_rotation);
        reader.problems.or(config)
    }

    /// The settings that `migrate`, `backup`, `restore` and `events` need: who does no more than that need not know the keys.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn parse_for_database(settings: &Settings) -> Result<(Database, Log), Problems> {
        let mut reader = Reader::new(settings);
        let config = (reader.database(url(settings)), reader.log());
        reader.problems.or(config)
    }

    /// The settings that `healthcheck` needs.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn parse_for_probe(settings: &Settings) -> Result<(SocketAddr, Log), Problems> {
        let mut reader = Reader::new(settings);
        let config = (reader.grpc_addr(), reader.log());
        reader.problems.or(config)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::{settings as name, settings::tests::settings, *};

    /// With SQLite, where nothing else is said: with no word of it, what is meant for production would be a problem.
    fn parse(environment: &[(&str, &str)]) -> Result<Config, Problems> {
        let sqlite = (name::DATABASE_URL, "sqlite://data/countersign.db");
        let is_given = environment.iter().any(|(name, _)| *name == sqlite.0);
        let given = environment.iter().copied().chain((!is_given).then_some(sqlite));
        Config::parse(&settings(&[], &given.collect::<Vec<_>>()))
    }

    fn names(environment: &[(&str, &str)]) -> Vec<String> {
        let problems = parse(environment).map(|_| ()).unwrap_err();
        problems.0.into_iter().map(|problem| problem.setting).collect()
    }

    #[test]
    fn nothing_at_all_is_the_development_profile() {
        let config = Config::parse(&settings(&[], &[])).unwrap();
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
            [
                "COUNTERSIGN_OPT_TTL",
                name::MASTER_KEY,
                name::DELIVERY,
                name::ISSUER,
                name::BCRYPT_COST
            ]
        );
    }

    #[test]
    fn a_secret_whose_file_cannot_be_read_is_not_also_missing() {
        let environment = [
            (name::DATABASE_URL, "postgres://localhost/x"),
            ("COUNTERSIGN_MASTER_KEY_FILE", "/nowhere"),
            (name::DELIVERY, "log"),
            (name::ISSUER, "https://auth.example.com"),
        ];
        assert_eq!(names(&environment), ["COUNTERSIGN_MASTER_KEY_FILE"]);
    }

    #[test]
    fn with_postgres_reflection_is_off_and_there_is_a_drain_delay() {
        let key = STANDARD.encode([7; 32]);
        let config = parse(&[
            (name::DATABASE_URL, "postgres://localhost/x"),
            (name::MASTER_KEY, &key),
            (name::DELIVERY, "log"),
            (name::ISSUER, "https://auth.example.com"),
        ]);
        let listen = config.unwrap().listen;
        assert!(!listen.reflection);
        assert_eq!(listen.drain_delay, Duration::from_secs(5));
    }

    #[test]
    fn unknown_settings_stop_migrations_and_probes_too() {
        let settings = settings(&[], &[("COUNTERSIGN_OPT_TTL", "5m")]);
        for problems in [
            Config::parse_for_database(&settings).map(|_| ()).unwrap_err(),
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
    fn what_is_wrong_with_a_database_url_is_said_without_its_values() {
        for (url, words) in [
            ("postgres://u:hunter2@db/x?sslpassword=hunter2", "sslpassword is not supported"),
            ("postgres://u:hunter%2@db/x", "%25"),
            ("postgres://u:hunter2/x", "must look like"),
        ] {
            for setting in [name::DATABASE_URL, name::MIGRATE_URL] {
                let problems = parse(&[(setting, url)]).map(|_| ()).unwrap_err();
                let of_it = problems.0.iter().find(|problem| problem.setting == setting).unwrap();
                assert!(of_it.text.contains(words) && !of_it.text.contains("hunter"), "{problems}");
            }
        }
    }

    #[test]
    fn what_is_meant_for_production_does_not_start_without_a_database() {
        let key = STANDARD.encode([7; 32]);
        let with_key = |more: &[(&'static str, &str)]| {
            let environment = [&[(name::MASTER_KEY, key.as_str())], more].concat();
            let problems = Config::parse(&settings(&[], &environment)).map(|_| ()).unwrap_err();
            problems.0.into_iter().map(|problem| problem.setting).collect::<Vec<_>>()
        };
        assert_eq!(with_key(&[]), [name::MASTER_KEY]);
        let other = STANDARD.encode([8; 32]);
        for more in [
            (name::MASTER_KEY_OLD, other.as_str()),
            (name::MIGRATE_URL, "postgres://db/x"),
            (name::FSYNC_OFF_AT, "db"),
            (name::ISSUER, "https://auth.example.com"),
        ] {
            assert_eq!(with_key(&[more]), [name::MASTER_KEY, more.0]);
        }
        let webhook = [
            (name::DELIVERY, "webhook"),
            (name::WEBHOOK_URL, "https://example.com/hook"),
            (name::WEBHOOK_SECRET, other.as_str()),
        ];
        assert_eq!(with_key(&webhook), [name::MASTER_KEY, name::DELIVERY]);
        // What people try out in development.
        let tried = [
            (name::DELIVERY, "log"),
            (name::ISSUER, "http://localhost:8080"),
            (name::AUDIENCE, "x"),
        ];
        Config::parse(&settings(&[], &tried)).unwrap();
        // Whoever names SQLite means it.
        parse(&[(name::MASTER_KEY, &key), (name::ISSUER, "https://auth.example.com")]).unwrap();
    }

    #[test]
    fn an_empty_database_url_stops_the_start_of_everything() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        for (variable, value) in [
            ("DATABASE_URL", ""),
            ("DATABASE_URL", "\n"),
            ("DATABASE_URL_FILE", ""),
            ("DATABASE_URL_FILE", path),
        ] {
            let settings = settings(&[], &[(variable, value)]);
            for problems in [
                Config::parse(&settings).map(|_| ()).unwrap_err(),
                Config::parse_for_database(&settings).map(|_| ()).unwrap_err(),
            ] {
                assert_eq!(problems.0.len(), 1, "{problems}");
                assert!(problems.0[0].text.contains("empty"), "{problems}");
            }
        }
    }

    #[test]
    fn a_database_url_may_come_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sqlite://other/x.db\r\n").unwrap();
        let path = file.path().to_str().unwrap();
        for settings in [
            settings(&[], &[("DATABASE_URL_FILE", path)]),
            settings(&["--database-url-file", path], &[]),
        ] {
            assert_eq!(Config::parse(&settings).unwrap().database.url, "sqlite://other/x.db");
        }
        let both = settings(&[], &[("DATABASE_URL_FILE", path), ("DATABASE_URL", "sqlite://x")]);
        let problems = Config::parse(&both).map(|_| ()).unwrap_err();
        assert_eq!(problems.0[0].setting, "DATABASE_URL_FILE");
        let missing = settings(&[], &[("DATABASE_URL_FILE", "/nowhere/hunter2")]);
        let problems = Config::parse(&missing).map(|_| ()).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{problems}");
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
    }

    /// An issuer with a line end got into the claim `iss`.
    #[test]
    fn a_value_loses_its_final_line_end_and_may_have_no_other() {
        for end in ["\n", "\r\n", ""] {
            let config = parse(&[(name::ISSUER, &format!("http://localhost:8080{end}"))]).unwrap();
            assert_eq!(config.access_tokens.issuer, "http://localhost:8080");
        }
        for value in ["http://local\nhost", "\nhttp://localhost", "http://localhost\n\n"] {
            assert_eq!(names(&[(name::ISSUER, value)]), [name::ISSUER]);
        }
    }

    #[test]
    fn a_secret_that_nothing_would_use_is_a_problem() {
        let unused = STANDARD.encode([7; 32]);
        assert_eq!(names(&[(name::JWT_SECRET, &unused)]), [name::JWT_SECRET]);
    }

    #[test]
    fn what_a_delivery_needs_is_named_at_once() {
        assert_eq!(names(&[(name::DELIVERY, "smtp")]), [name::SMTP_URL, name::SMTP_FROM]);
        assert_eq!(
            names(&[(name::DELIVERY, "webhook")]),
            [name::WEBHOOK_URL, name::WEBHOOK_SECRET]
        );
    }

    #[test]
    fn settings_of_a_delivery_that_was_not_chosen_are_problems() {
        let secret = STANDARD.encode([7; 24]);
        let smtp = [
            (name::SMTP_URL, "smtps://mail.example.com"),
            (name::SMTP_FROM, "Countersign <auth@example.com>"),
        ];
        let webhook = [
            (name::WEBHOOK_URL, "https://example.com/hook"),
            (name::WEBHOOK_SECRET, secret.as_str()),
        ];
        let with = |kind, settings: &[(&'static str, &str)]| {
            let environment: Vec<_> =
                [(name::DELIVERY, kind)].iter().chain(settings).copied().collect();
            parse(&environment).map(|config| config.delivery.to_string()).map_err(|problems| {
                problems.0.into_iter().map(|problem| problem.setting).collect::<Vec<_>>()
            })
        };
        assert_eq!(with("smtp", &smtp), Ok("by mail, through mail.example.com:465".into()));
        assert_eq!(
            with("webhook", &webhook),
            Ok("through the webhook at https://example.com".into())
        );
        assert_eq!(with("log", &[]), Ok("in the log".into()));
        let unused = |settings: &[(&'static str, &str)]| {
            Err(settings.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(with("log", &smtp), unused(&smtp));
        assert_eq!(with("log", &webhook), unused(&webhook));
        assert_eq!(with("smtp", &[smtp, webhook].concat()), unused(&webhook));
        assert_eq!(with("webhook", &[smtp, webhook].concat()), unused(&smtp));
        let authority = [(name::DELIVERY_CA, "/nowhere")];
        assert_eq!(with("log", &authority), unused(&authority));
        assert_eq!(with("smtp", &[&smtp[..], &authority].concat()), unused(&authority));
    }

    #[test]
    fn each_bad_value_of_a_delivery_is_a_problem_and_no_secret_is_repeated() {
        let smtp = [
            (name::DELIVERY, "smtp"),
            (name::SMTP_URL, "smtp://user:hunter2@mail.example.com"),
            (name::SMTP_FROM, "nobody"),
            (name::SMTP_HELLO, "two words"),
            (name::TEMPLATES, "/nowhere"),
        ];
        let webhook = [
            (name::DELIVERY, "webhook"),
            (name::WEBHOOK_URL, "http://example.com/hook"),
            (name::WEBHOOK_SECRET, "aHVudGVyMg=="),
        ];
        for bad in [&smtp[..], &webhook] {
            let problems = parse(bad).map(|_| ()).unwrap_err();
            let named: Vec<_> = problems.0.iter().map(|problem| problem.setting.as_str()).collect();
            let expected: Vec<_> = bad[1..].iter().map(|(name, _)| *name).collect();
            assert_eq!(named, expected);
            let text = problems.to_string();
            assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
        }
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
    fn two_master_keys_must_differ() {
        let [key, other] = [7, 8].map(|byte| STANDARD.encode([byte; 32]));
        let both = |old: &str| parse(&[(name::MASTER_KEY, &key), (name::MASTER_KEY_OLD, old)]);
        let config = both(&other).unwrap();
        let (old, other) = (config.old_master_key.unwrap(), MasterKey::parse(&other).unwrap());
        assert!(old.is(&other));
        // With other padding of white space it is the same key all the same.
        let problems = both(&format!("{key}\n")).map(|_| ()).unwrap_err();
        assert_eq!(problems.0[0].setting, name::MASTER_KEY_OLD);
        assert!(!problems.to_string().contains(&key), "{problems}");
        assert!(parse(&[]).unwrap().old_master_key.is_none());
    }

    /// Otherwise the next key would be due again before it signs.
    #[test]
    fn the_lead_of_a_key_is_shorter_than_its_rotation() {
        let both = |rotation, lead| [(name::KEY_ROTATION, rotation), (name::KEY_LEAD, lead)];
        assert_eq!(names(&both("1h", "1h")), [name::KEY_LEAD]);
        let config = parse(&both("2h", "1h")).unwrap();
        assert_eq!(config.key_lead, Duration::from_secs(3600));
        assert_eq!(parse(&[]).unwrap().key_lead, Duration::from_secs(1800));
    }

    #[test]
    fn each_bad_value_is_a_problem_of_its_own() {
        let bad = [
            (name::DATABASE_URL, "mysql://x"),
            (name::DATABASE_CONNECTIONS, "0"),
            (name::MIGRATE, "maybe"),
            (name::MIGRATE_URL, "postgres://u:p@h/a?made_up=1"),
            (name::FSYNC_OFF_AT, "db:5432"),
            (name::GRPC_ADDR, "50051"),
            (name::HTTP_ADDR, "localhost"),
            (name::TRUSTED_PROXIES, "10.0.0.0/33"),
            (name::FORWARDED_HEADER, "x-real-ip"),
            (name::REFLECTION, "yes"),
            (name::STREAM_AGE, "25h"),
            (name::DRAIN_DELAY, "5"),
            (name::MASTER_KEY, "!"),
            (name::MASTER_KEY_OLD, "!"),
            (name::DELIVERY, "pigeon"),
            (name::JWT_ALGORITHM, "none"),
            (name::KEY_ROTATION, "11years"),
            (name::KEY_LEAD, "8d"),
            (name::ISSUER, "localhost"),
            (name::ACCESS_TOKEN_TTL, "25h"),
            (name::AUDIENCE, "a,,b"),
            (name::PASSWORD_MIN_LENGTH, "7"),
            (name::OTP_TTL, "11m"),
            (name::OTP_MAX_ATTEMPTS, "11"),
            (name::EMAIL_VERIFICATION, "yes"),
            (name::UNVERIFIED_TTL, "2years"),
            (name::TOTP_ISSUER, "Example: login"),
            (name::SESSIONS_PER_USER, "1001"),
            (name::ADDRESS_RATE, "-1"),
            (name::SOURCE_FAILURES, "1000001"),
            (name::SERVICE_FAILURES, "many"),
            (name::EVENT_RETENTION, "11years"),
            (name::BCRYPT_COST, "17"),
            (name::HASH_QUEUE, "-1"),
            (name::HASH_KERNEL, "gpu"),
            (name::HASH_LANES, "7"),
            (name::LOG, "countersign=loud"),
            (name::LOG_FORMAT, "xml"),
        ];
        assert_eq!(names(&bad), bad.map(|(name, _)| name));
        for (name, too_short) in [
            (name::STREAM_AGE, "59s"),
            (name::ACCESS_TOKEN_TTL, "999ms"),
            (name::KEY_ROTATION, "59m"),
            (name::KEY_LEAD, "299s"),
            (name::UNVERIFIED_TTL, "59m"),
            (name::EVENT_RETENTION, "23h"),
        ] {
            assert_eq!(names(&[(name, too_short)]), [name]);
        }
    }
}
