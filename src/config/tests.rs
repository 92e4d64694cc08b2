//! The configuration as a whole: every problem of the settings is reported.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{password_settings as hashing, settings as name, values::tests::settings, *};
use crate::domain::KEY_SET_MAX_AGE;

/// Settings with SQLite as the default database: without one, a setting for production would be a problem.
pub(super) fn parse(environment: &[(&str, &str)]) -> Result<Config, Problems> {
    let sqlite = (name::DATABASE_URL.name, "sqlite://data/countersign.db");
    let is_given = environment.iter().any(|(name, _)| *name == sqlite.0);
    let given = environment.iter().copied().chain((!is_given).then_some(sqlite));
    Config::parse(&settings(&[], &given.collect::<Vec<_>>()))
}

pub(super) fn names(environment: &[(&str, &str)]) -> Vec<String> {
    let problems = parse(environment).map(|_| ()).unwrap_err();
    problems.0.into_iter().map(|problem| problem.setting).collect()
}

#[test]
fn nothing_at_all_is_the_development_profile() {
    let config = Config::parse(&settings(&[], &[])).unwrap();
    assert_eq!(config.profile, Profile::Development);
    assert!(config.listen.grpc.is_local() && config.listen.http.is_local());
    assert!(config.listen.grpc_tls.is_none() && config.listen.http_tls.is_none());
    assert!(config.listen.reflection);
    let MasterKeySource::MadeAt(path) = config.master_key else { panic!("a given key") };
    assert_eq!(path, std::path::Path::new("data/master.key"));
}

#[test]
fn with_postgres_all_that_is_missing_is_named_at_once() {
    let environment = [
        (name::DATABASE_URL.name, "postgres://localhost/x"),
        (hashing::BCRYPT_COST.name, "9"),
        ("COUNTERSIGN_OPT_TTL", "5m"),
    ];
    assert_eq!(
        names(&environment),
        [
            "COUNTERSIGN_OPT_TTL",
            name::MASTER_KEY.name,
            name::DELIVERY.name,
            token_settings::ISSUER.name,
            hashing::BCRYPT_COST.name
        ]
    );
}

#[test]
fn a_secret_whose_file_cannot_be_read_is_not_also_missing() {
    let environment = [
        (name::DATABASE_URL.name, "postgres://localhost/x"),
        ("COUNTERSIGN_MASTER_KEY_FILE", "/nowhere"),
        (name::DELIVERY.name, "log"),
        (token_settings::ISSUER.name, "https://auth.example.com"),
    ];
    assert_eq!(names(&environment), ["COUNTERSIGN_MASTER_KEY_FILE"]);
}

#[test]
fn with_postgres_reflection_is_off_and_there_is_a_drain_delay() {
    let key = STANDARD.encode([7; 32]);
    let config = parse(&[
        (name::DATABASE_URL.name, "postgres://localhost/x"),
        (name::MASTER_KEY.name, &key),
        (name::DELIVERY.name, "log"),
        (token_settings::ISSUER.name, "https://auth.example.com"),
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
    let problems = parse(&[(name::DATABASE_URL.name, "postgre://user:hunter2@localhost/x")]);
    assert!(!problems.map(|_| ()).unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn what_is_wrong_with_a_database_url_is_said_without_its_values() {
    for (url, words) in [
        ("postgres://u:hunter2@db/x?sslpassword=hunter2", "sslpassword is not supported"),
        ("postgres://u:hunter%2@db/x", "%25"),
        ("postgres://u:hunter2/x", "must look like"),
    ] {
        for setting in [name::DATABASE_URL.name, name::MIGRATE_URL.name] {
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
        let environment = [&[(name::MASTER_KEY.name, key.as_str())], more].concat();
        let problems = Config::parse(&settings(&[], &environment)).map(|_| ()).unwrap_err();
        problems.0.into_iter().map(|problem| problem.setting).collect::<Vec<_>>()
    };
    assert_eq!(with_key(&[]), [name::MASTER_KEY.name]);
    let other = STANDARD.encode([8; 32]);
    for more in [
        (name::MASTER_KEY_OLD.name, other.as_str()),
        (name::MIGRATE_URL.name, "postgres://db/x"),
        (name::FSYNC_OFF_AT.name, "db"),
        (token_settings::ISSUER.name, "https://auth.example.com"),
    ] {
        assert_eq!(with_key(&[more]), [name::MASTER_KEY.name, more.0]);
    }
    let webhook = [
        (name::DELIVERY.name, "webhook"),
        (name::WEBHOOK_URL.name, "https://example.com/hook"),
        (name::WEBHOOK_SECRET.name, other.as_str()),
    ];
    assert_eq!(with_key(&webhook), [name::MASTER_KEY.name, name::DELIVERY.name]);
    // Settings that people try out in development.
    let tried = [
        (name::DELIVERY.name, "log"),
        (token_settings::ISSUER.name, "http://localhost:8080"),
        (token_settings::AUDIENCE.name, "x"),
    ];
    Config::parse(&settings(&[], &tried)).unwrap();
    // Naming SQLite is an explicit choice.
    parse(&[
        (name::MASTER_KEY.name, &key),
        (token_settings::ISSUER.name, "https://auth.example.com"),
    ])
    .unwrap();
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

/// An issuer with a line end would end up in the claim `iss`.
#[test]
fn a_value_loses_its_final_line_end_and_may_have_no_other() {
    for end in ["\n", "\r\n", ""] {
        let config =
            parse(&[(token_settings::ISSUER.name, &format!("http://localhost:8080{end}"))])
                .unwrap();
        assert_eq!(config.access_tokens.issuer, "http://localhost:8080");
    }
    for value in ["http://local\nhost", "\nhttp://localhost", "http://localhost\n\n"] {
        assert_eq!(names(&[(token_settings::ISSUER.name, value)]), [token_settings::ISSUER.name]);
    }
}

#[test]
fn a_secret_that_nothing_would_use_is_a_problem() {
    let unused = STANDARD.encode([7; 32]);
    assert_eq!(
        names(&[(token_settings::JWT_SECRET.name, &unused)]),
        [token_settings::JWT_SECRET.name]
    );
}

#[test]
fn what_a_delivery_needs_is_named_at_once() {
    assert_eq!(
        names(&[(name::DELIVERY.name, "smtp")]),
        [name::SMTP_URL.name, name::SMTP_FROM.name]
    );
    assert_eq!(
        names(&[(name::DELIVERY.name, "webhook")]),
        [name::WEBHOOK_URL.name, name::WEBHOOK_SECRET.name]
    );
}

#[test]
fn settings_of_a_delivery_that_was_not_chosen_are_problems() {
    let secret = STANDARD.encode([7; 24]);
    let smtp = [
        (name::SMTP_URL.name, "smtps://mail.example.com"),
        (name::SMTP_FROM.name, "Countersign <auth@example.com>"),
    ];
    let webhook = [
        (name::WEBHOOK_URL.name, "https://example.com/hook"),
        (name::WEBHOOK_SECRET.name, secret.as_str()),
    ];
    let with = |kind, settings: &[(&'static str, &str)]| {
        let environment: Vec<_> =
            [(name::DELIVERY.name, kind)].iter().chain(settings).copied().collect();
        parse(&environment).map(|config| config.delivery.to_string()).map_err(|problems| {
            problems.0.into_iter().map(|problem| problem.setting).collect::<Vec<_>>()
        })
    };
    assert_eq!(with("smtp", &smtp), Ok("by mail, through mail.example.com:465".into()));
    assert_eq!(with("webhook", &webhook), Ok("through the webhook at https://example.com".into()));
    assert_eq!(with("log", &[]), Ok("in the log".into()));
    let unused = |settings: &[(&'static str, &str)]| {
        Err(settings.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(with("log", &smtp), unused(&smtp));
    assert_eq!(with("log", &webhook), unused(&webhook));
    assert_eq!(with("smtp", &[smtp, webhook].concat()), unused(&webhook));
    assert_eq!(with("webhook", &[smtp, webhook].concat()), unused(&smtp));
    let authority = [(name::DELIVERY_CA.name, "/nowhere")];
    assert_eq!(with("log", &authority), unused(&authority));
    assert_eq!(with("smtp", &[&smtp[..], &authority].concat()), unused(&authority));
}

#[test]
fn each_bad_value_of_a_delivery_is_a_problem_and_no_secret_is_repeated() {
    let smtp = [
        (name::DELIVERY.name, "smtp"),
        (name::SMTP_URL.name, "smtp://user:hunter2@mail.example.com"),
        (name::SMTP_FROM.name, "nobody"),
        (name::SMTP_HELLO.name, "two words"),
        (name::TEMPLATES.name, "/nowhere"),
    ];
    let webhook = [
        (name::DELIVERY.name, "webhook"),
        (name::WEBHOOK_URL.name, "http://example.com/hook"),
        (name::WEBHOOK_SECRET.name, "aHVudGVyMg=="),
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
        (name::MASTER_KEY.name, &short),
        (token_settings::JWT_ALGORITHM.name, "HS256"),
        (token_settings::JWT_SECRET.name, &short),
    ]);
    let problems = problems.map(|_| ()).unwrap_err();
    let names: Vec<_> = problems.0.iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(names, [name::MASTER_KEY.name, token_settings::JWT_SECRET.name]);
    assert!(!problems.to_string().contains(&short));
    let missing = parse(&[(token_settings::JWT_ALGORITHM.name, "HS256")]).map(|_| ()).unwrap_err();
    assert_eq!(missing.0.len(), 1, "{missing}");
}

#[test]
fn two_master_keys_must_differ() {
    let [key, other] = [7, 8].map(|byte| STANDARD.encode([byte; 32]));
    let both =
        |old: &str| parse(&[(name::MASTER_KEY.name, &key), (name::MASTER_KEY_OLD.name, old)]);
    let config = both(&other).unwrap();
    let (old, other) = (config.old_master_key.unwrap(), MasterKey::parse(&other).unwrap());
    assert!(old.is(&other));
    // With other padding of white space it is still the same key.
    let problems = both(&format!("{key}\n")).map(|_| ()).unwrap_err();
    assert_eq!(problems.0[0].setting, name::MASTER_KEY_OLD.name);
    assert!(!problems.to_string().contains(&key), "{problems}");
    assert!(parse(&[]).unwrap().old_master_key.is_none());
}

/// A longer lead would make the next key due again before it signs.
#[test]
fn the_lead_of_a_key_is_shorter_than_its_rotation() {
    let both = |rotation, lead| {
        [(token_settings::KEY_ROTATION.name, rotation), (token_settings::KEY_LEAD.name, lead)]
    };
    assert_eq!(names(&both("1h", "1h")), [token_settings::KEY_LEAD.name]);
    let config = parse(&both("2h", "1h")).unwrap();
    assert_eq!(config.key_lead, Duration::from_secs(3600));
}

/// Istio caches a key set for 20 minutes, and does not refetch it for an unknown key.
#[test]
fn the_default_lead_is_longer_than_any_common_verifier_keeps_the_key_set() {
    let lead = parse(&[]).unwrap().key_lead;
    assert!(lead > Duration::from_secs(20 * 60).max(KEY_SET_MAX_AGE));
}
