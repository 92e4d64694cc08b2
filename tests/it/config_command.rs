//! `countersign config`.

use std::{collections::BTreeSet, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::Value;

use crate::{
    harness::{
        Backend, Database,
        command::{command, output},
        hook::HookServer,
    },
    process::on,
};

/// A password that must be nowhere.
const CANARY: &str = "canary-hunter2";

/// What a command prints, and what it says where it fails.
fn run(command: Command) -> (String, Option<String>) {
    let (result, said) = output(command);
    let printed = String::from_utf8(result.stdout).unwrap();
    (printed, (!result.status.success()).then_some(said))
}

fn with(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = command(arguments);
    command.envs(environment.iter().copied());
    command
}

fn shown(environment: &[(&str, &str)]) -> Value {
    let (printed, failed) = run(with(&["config", "show", "--format", "json"], environment));
    assert_eq!(failed, None);
    serde_json::from_str(&printed).unwrap()
}

fn named<'a>(shown: &'a Value, name: &str) -> &'a Value {
    let mut settings = shown["settings"].as_array().unwrap().iter();
    settings.find(|setting| setting["name"] == name).unwrap_or_else(|| panic!("{name} is missing"))
}

#[test]
fn check_tells_what_a_start_would_be_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut check = command(&["config", "check"]);
    check.current_dir(folder.path());
    let expected = "the settings are valid: development, sqlite://data/countersign.db, \
                    gRPC at 127.0.0.1:50051, HTTP at 127.0.0.1:8080, codes in the log\n";
    assert_eq!(run(check), (expected.to_owned(), None));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn check_names_every_problem_as_serve_does() {
    let bad = [
        ("DATABASE_URL", "postgres://u:canary-hunter2@db/x"),
        ("COUNTERSIGN_OPT_TTL", "5m"),
        ("COUNTERSIGN_TLS_CERT", "/nowhere.pem"),
        ("COUNTERSIGN_TLS_KEY", "/nowhere.key"),
    ];
    let (printed, said) = run(with(&["config", "check"], &bad));
    let said = said.expect("it must fail");
    assert_eq!((printed.as_str(), Some(&said)), ("", run(with(&["serve"], &bad)).1.as_ref()));
    for name in ["OPT_TTL", "TLS_CERT", "MASTER_KEY", "DELIVERY", "ISSUER"] {
        assert!(said.contains(&format!("COUNTERSIGN_{name} ")), "{name} in {said}");
    }
}

#[test]
fn check_warns_of_what_serve_warns_of() {
    let open = [("COUNTERSIGN_GRPC_ADDR", "0.0.0.0:50051")];
    let (printed, failed) = run(with(&["config", "check"], &open));
    assert_eq!(failed, None);
    assert!(printed.contains("\nwarning: COUNTERSIGN_CALLERS: there is no policy"), "{printed}");
}

#[rstest]
#[tokio::test]
async fn check_connects_if_it_is_asked_to(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::empty(backend).await;
    let key = STANDARD.encode([7; 32]);
    let on_it = |arguments: &[&str], key: &str| {
        let mut command = on(&database, arguments);
        command.env("COUNTERSIGN_MASTER_KEY", key).env("COUNTERSIGN_MIGRATE", "check");
        run(command)
    };
    let check = ["config", "check", "--connect"];
    if backend == Backend::Postgres {
        let (printed, failed) = on_it(&check, &key);
        assert!(failed.is_some() && printed.contains("run `countersign migrate`"), "{printed}");
    } else {
        let (printed, failed) = on_it(&check, &key);
        assert!(failed.is_none() && printed.contains("is not there yet"), "{printed}");
    }
    assert_eq!(on_it(&["migrate"], &key).1, None);
    let seed = ["seed", "--users", "1", "--even-in-production"];
    assert_eq!(on_it(&seed, &key).1, None);
    let (printed, failed) = on_it(&check, &key);
    assert!(printed.contains("database: it answers, its schema is up to date"), "{printed}");
    assert_eq!(failed, None);
    let (printed, failed) = on_it(&check, &STANDARD.encode([8; 32]));
    assert!(failed.is_some() && printed.contains("is this the master key"), "{printed}");
}

#[tokio::test]
async fn check_reaches_the_webhook_and_asks_it_for_nothing() {
    let hook = HookServer::start(&[], None).await;
    let secret = STANDARD.encode([7; 32]);
    let check = |url: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(&["config", "check", "--connect"]);
        command.current_dir(folder.path()).envs([
            ("DATABASE_URL", "sqlite://x.db"),
            ("COUNTERSIGN_DELIVERY", "webhook"),
            ("COUNTERSIGN_WEBHOOK_URL", url),
            ("COUNTERSIGN_WEBHOOK_SECRET", &secret),
        ]);
        run(command)
    };
    let (printed, failed) = check(&format!("http://127.0.0.1:{}/{CANARY}", hook.port));
    assert!(failed.is_none() && printed.contains("takes connections"), "{printed} {failed:?}");
    assert!(hook.calls().is_empty() && !printed.contains(CANARY), "{printed}");
    // Nobody listens at port 1.
    let (printed, failed) = check("http://127.0.0.1:1/canary-hunter2");
    assert!(failed.is_some() && printed.contains("delivery: FAILED: the webhook"), "{printed}");
    assert!(!printed.contains(CANARY), "{printed}");
}

#[test]
fn show_lists_every_setting_in_columns() {
    let given = [("COUNTERSIGN_OTP_TTL", "5 years"), ("COUNTERSIGN_OPT_TTL", "5m")];
    let (text, failed) = run(with(&["config", "show", "--audience", "a shop"], &given));
    assert_eq!(failed, None, "invalid values are shown");
    let column = |name: &str, what: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.find(what).unwrap_or_else(|| panic!("{what} in {line}"))
    };
    let source = column("COUNTERSIGN_DELIVERY ", "default");
    assert_eq!(source, column("COUNTERSIGN_AUDIENCE ", "flag"));
    assert_eq!(source, column("COUNTERSIGN_HASH_THREADS ", "computed"));
    let value = column("COUNTERSIGN_DELIVERY ", "log");
    assert_eq!(value, column("COUNTERSIGN_AUDIENCE ", "a shop"));
    assert_eq!(value, column("COUNTERSIGN_OTP_TTL ", "(set, 7 characters)"));
    assert_eq!(value, column("! must be a duration", "!"));
    assert!(text.starts_with("Database\n  DATABASE_URL"), "{text}");
    assert!(text.contains("\n  COUNTERSIGN_OPT_TTL"), "what is no setting is told: {text}");
}

#[test]
fn show_as_lines_for_a_shell_sets_what_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it's a key");
    std::fs::write(&file, STANDARD.encode([7; 32])).unwrap();
    let given = [
        ("DATABASE_URL", "sqlite://x.db"),
        ("COUNTERSIGN_MASTER_KEY_FILE", file.to_str().unwrap()),
        ("COUNTERSIGN_TOTP_ISSUER", "Ada's $HOME shop"),
        ("COUNTERSIGN_CALLERS", "# ours\nanyone = watch, register\n"),
    ];
    let (lines, failed) = run(with(&["config", "show", "--format", "env"], &given));
    assert_eq!(failed, None);
    let script = format!("set -a\n{lines}\nexec \"$COUNTERSIGN\" config show --format json");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env_clear().env("COUNTERSIGN", env!("CARGO_BIN_EXE_countersign"));
    let (again, failed) = run(shell);
    assert_eq!(failed, None);
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), shown(&given));
}

/// The list is what others check theirs against.
#[test]
fn show_as_data_has_all_that_the_table_of_settings_has() {
    let shown = shown(&[("COUNTERSIGN_ISSUER", "https://auth.example.com")]);
    let settings = shown["settings"].as_array().unwrap().iter();
    let names: Vec<_> = settings.map(|setting| setting["name"].as_str().unwrap()).collect();
    let all: Vec<_> = countersign::config::all_settings().map(|setting| setting.name).collect();
    assert_eq!(names, all);
    let key = named(&shown, "COUNTERSIGN_MASTER_KEY");
    assert_eq!((&key["secret"], &key["may_be_in_file"]), (&true.into(), &true.into()));
    let issuer = named(&shown, "COUNTERSIGN_ISSUER");
    assert_eq!(issuer["topic"], "Tokens and sessions");
    assert_eq!(issuer["default"], "http://localhost:8080 in development");
    assert!(issuer["help"].as_str().unwrap().starts_with("the claim iss"));
    assert_eq!(issuer["value"], "https://auth.example.com");
    assert_eq!(issuer["source"], "environment");
    // Without a database that is a problem.
    assert_eq!(issuer["problems"].as_array().unwrap().len(), 1);
}

/// `deploy/helm/countersign/values.schema.json` refuses names that it does not list: each setting has one place there.
#[test]
fn the_chart_takes_every_setting_and_no_other() {
    let schema = include_str!("../../deploy/helm/countersign/values.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let names = |place: &str| -> BTreeSet<String> {
        let names = schema["properties"][place]["properties"].as_object().unwrap();
        names.keys().cloned().collect()
    };
    // They have values of their own, of which more than the setting is made.
    let elsewhere = [
        "GRPC_ADDR",
        "HTTP_ADDR",
        "ADMIN_ADDR",
        "AUTHZ_COOKIE",
        "MIGRATE",
        "DRAIN_DELAY",
        "SHUTDOWN_TIMEOUT",
    ]
    .map(|name| format!("COUNTERSIGN_{name}"));
    let (mut plain, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for setting in shown(&[])["settings"].as_array().unwrap() {
        let name = setting["name"].as_str().unwrap().to_owned();
        if setting["may_be_in_file"] == true {
            plain.insert(format!("{name}_FILE"));
        }
        // It may hold a password.
        if setting["secret"] == true || name == "DATABASE_URL" {
            secrets.insert(name);
        } else if !elsewhere.contains(&name) {
            plain.insert(name);
        }
    }
    assert_eq!((names("settings"), names("secrets")), (plain, secrets));
}

/// All that the two commands print with these settings, in every format, and what serve says.
fn everything_printed(environment: &[(&str, &str)]) -> String {
    let show = |format: &str| run(with(&["config", "show", "--format", format], environment)).0;
    let check = |format: &str| {
        let mut command = with(&["config", "check"], environment);
        command.env("COUNTERSIGN_LOG_FORMAT", format);
        let (printed, said) = run(command);
        printed + &said.unwrap_or_default()
    };
    let shown = ["table", "env", "json"].map(show).concat();
    shown + &["text", "json"].map(check).concat()
}

/// Each setting by itself: `src/config/listed.rs`.
#[test]
fn no_secret_is_printed_also_where_every_setting_is_one() {
    let key = STANDARD.encode(CANARY.repeat(3));
    for secret in ["postgres://user:canary-hunter2@db/x", "user:canary-hunter2@example.com", &key] {
        for (usual, value) in [
            ("DATABASE_URL", "postgres://db/x"),
            ("COUNTERSIGN_DELIVERY", "smtp"),
            ("COUNTERSIGN_DELIVERY", "webhook"),
            ("COUNTERSIGN_JWT_ALGORITHM", "HS256"),
        ] {
            let all = countersign::config::all_settings().map(|setting| (setting.name, secret));
            let given: Vec<_> =
                all.filter(|(name, _)| *name != usual).chain([(usual, value)]).collect();
            let printed = everything_printed(&given);
            assert!(printed.contains("COUNTERSIGN_SMTP_URL"), "{printed}");
            for canary in [CANARY, &key] {
                assert!(!printed.contains(canary), "{secret}: {printed}");
            }
        }
    }
}
