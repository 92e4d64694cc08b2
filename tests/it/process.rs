//! The real program as its users start it.

use rstest::rstest;

use countersign::{
    pb::{
        LoginRequest, Verify2FaRequest, auth_service_client::AuthServiceClient,
        login_response::Result as Outcome, verify2_fa_request::Proof,
    },
    token::MasterKey,
};

use crate::{
    harness::{
        Backend, Database,
        command::{Running, command, output},
        server::{PASSWORD, alice, registration},
        soon,
    },
    http::in_flight,
};

/// The server on `database`, on free ports.
pub fn serve(database: &Database) -> std::process::Command {
    on(database, &["serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0"])
}

/// A command on `database`, with all that its profile asks for.
pub fn on(database: &Database, arguments: &[&str]) -> std::process::Command {
    let mut command = command(arguments);
    command.env("DATABASE_URL", &database.url);
    if database.backend == Backend::Postgres {
        command
            .env("COUNTERSIGN_MASTER_KEY", MasterKey::generate_text().as_str())
            .env("COUNTERSIGN_DELIVERY", "log")
            .env("COUNTERSIGN_ISSUER", "http://localhost:8080")
            .env("COUNTERSIGN_BCRYPT_COST", "10")
            .env("COUNTERSIGN_DRAIN_DELAY", "0s");
    } else {
        command.env("COUNTERSIGN_BCRYPT_COST", "4");
    }
    command
}

/// The code in a line of the text log.
pub fn code_in(line: &str) -> String {
    let code = line.split("code=\"").nth(1).and_then(|rest| rest.split('"').next());
    code.unwrap_or_else(|| panic!("no code in {line}")).to_owned()
}

#[rstest]
#[tokio::test]
async fn a_person_registers_logs_in_reads_the_code_and_holds_a_token(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::empty(backend).await;
    let mut running = Running::start(serve(&database));
    // The URL of a Postgres may hold a password.
    assert_eq!(running.banner.contains(&database.url), backend == Backend::Sqlite);
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    auth.register(alice(PASSWORD)).await.unwrap();
    let login = LoginRequest {
        username: "alice".into(),
        password: PASSWORD.into(),
        ..LoginRequest::default()
    };
    let Some(Outcome::Challenge(challenge)) = auth.login(login).await.unwrap().into_inner().result
    else {
        panic!("no challenge")
    };
    let line = running.wait_for_log("one-time code");
    assert!(line.contains("username=\"alice\"") && line.contains("purpose=\"login\""), "{line}");
    let verify = |code: String| Verify2FaRequest {
        challenge_id: challenge.challenge_id.clone(),
        proof: Some(Proof::OtpCode(code)),
        ..Default::default()
    };
    let code = code_in(&line);
    assert!(auth.verify2_fa(verify("x".into())).await.is_err());
    let tokens = auth.verify2_fa(verify(code.clone())).await.unwrap().into_inner().tokens.unwrap();
    assert_eq!(tokens.access_token.split('.').count(), 3);
    assert!(auth.verify2_fa(verify(code)).await.is_err());

    drop(auth);
    running.signal("TERM");
    assert_eq!(running.wait().await.code(), Some(0), "{}", running.logged);
}

#[tokio::test]
async fn errors_have_the_domain_that_is_set() {
    use tonic_types::StatusExt as _;
    let database = Database::empty(Backend::Sqlite).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_ERROR_DOMAIN", "auth.example.com");
    let running = Running::start(command);
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    let refused = auth.login(LoginRequest::default()).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().domain, "auth.example.com");
}

#[tokio::test]
async fn a_process_that_is_told_to_end_cuts_off_what_takes_too_long() {
    let database = Database::empty(Backend::Sqlite).await;
    let mut command = serve(&database);
    // A hash of seconds.
    command.env("COUNTERSIGN_BCRYPT_COST", "16").env("COUNTERSIGN_SHUTDOWN_TIMEOUT", "100ms");
    let mut running = Running::start(command);
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    let call = tokio::spawn(async move { auth.register(registration(false)).await });
    in_flight(running.http, 1).await;
    running.signal("TERM");
    assert_eq!(running.wait().await.code(), Some(0), "{}", running.logged);
    assert!(running.logged.contains("aborting running calls"), "{}", running.logged);
    assert!(soon("the call", call).await.unwrap().is_err(), "the hash was waited for");
}

#[tokio::test]
async fn without_any_configuration_it_serves_from_a_folder_of_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0"]);
    command.current_dir(folder.path());
    let running = Running::start(command);
    assert!(running.banner.contains("Data   sqlite://data/countersign.db"), "{}", running.banner);
    let data = folder.path().join("data");
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(data.join("countersign.db").exists() && data.join("master.key").exists());
}

/// Password hashes are in them.
#[tokio::test]
async fn its_files_are_their_owners_alone_even_in_a_folder_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = Database::empty(Backend::Sqlite).await;
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(database.folder(), everybody).unwrap();
    let _running = Running::start(serve(&database));
    for file in ["countersign.db", "countersign.db-wal", "countersign.db-shm", "master.key"] {
        let metadata = std::fs::metadata(database.folder().join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn everything_that_is_missing_or_unknown_is_named_at_once() {
    let mut start = command(&["serve"]);
    start
        .env("DATABASE_URL", "postgres://user:hunter2@localhost/x")
        .env("COUNTERSIGN_BCRYPT_COST", "4")
        .env("COUNTERSIGN_OPT_TTL", "5m");
    let (result, text) = output(start);
    assert!(!result.status.success());
    for name in [
        "COUNTERSIGN_MASTER_KEY",
        "COUNTERSIGN_DELIVERY",
        "COUNTERSIGN_ISSUER",
        "COUNTERSIGN_BCRYPT_COST",
        "COUNTERSIGN_OPT_TTL",
    ] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");

    let mut start = command(&["serve"]);
    start.env("COUNTERSIGN_OPT_TTL", "5m").env("COUNTERSIGN_REFLECTIONS", "on");
    let (result, text) = output(start);
    assert!(!result.status.success());
    assert!(
        text.contains("COUNTERSIGN_OPT_TTL") && text.contains("COUNTERSIGN_REFLECTIONS"),
        "{text}"
    );
}

/// By default each of these signals ends a process.
#[tokio::test]
async fn a_start_that_hangs_at_the_database_can_be_looked_into() {
    let database = Database::empty(Backend::Postgres).await;
    // Connections are accepted by the kernel, and nobody reads them.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = serve(&database);
    let url = format!("postgres://nobody@{}/x?sslmode=disable", silent.local_addr().unwrap());
    command.env("DATABASE_URL", url);
    let mut running = Running::start_only(command);
    let _connection = soon("a connection", silent.accept()).await.unwrap();
    running.signal("USR1");
    running.wait_for_log("the log filter is raised");
    running.signal("HUP");
    running.signal("USR2");
    running.wait_for_log("the log filter is as configured again");
    assert_eq!(running.banner, "");
}

#[tokio::test]
async fn who_asks_a_second_time_does_not_wait() {
    let database = Database::empty(Backend::Sqlite).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_DRAIN_DELAY", "10m");
    let mut running = Running::start(command);
    running.signal("INT");
    running.wait_for_log("shutting down");
    running.signal("INT");
    assert_eq!(running.wait().await.code(), Some(1), "{}", running.logged);
}

#[rstest]
#[case::everything("0.0.0.0/0,::/0", Some(" 0.0.0.0/0,::/0 is a large part"))]
#[case::as_ipv6("10.0.0.0/8,::ffff:0:0/96", Some(" 0.0.0.0/0 is a large part"))]
#[case::a_network_of_ones_own("10.0.0.0/8,fd00::/8", None)]
#[tokio::test]
async fn trusting_a_good_part_of_the_internet_is_warned_of(
    #[case] proxies: &str,
    #[case] networks: Option<&str>,
) {
    let database = Database::empty(Backend::Sqlite).await;
    let mut command = serve(&database);
    command.env("COUNTERSIGN_TRUSTED_PROXIES", proxies);
    let mut running = Running::start(command);
    running.wait_for_log("ready");
    let warned: Vec<_> = running
        .logged
        .lines()
        .filter(|line| line.contains("COUNTERSIGN_TRUSTED_PROXIES"))
        .collect();
    assert_eq!(warned.len(), usize::from(networks.is_some()), "{warned:?}");
    assert!(
        warned
            .iter()
            .all(|line| line.contains("WARN") && line.contains(networks.unwrap_or_default()))
    );
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let database = Database::empty(Backend::Sqlite).await;
    let running = Running::start(serve(&database));
    let mut second = command(&["serve", "--http-addr=127.0.0.1:0"]);
    second
        .env("COUNTERSIGN_GRPC_ADDR", running.grpc.to_string())
        .env("DATABASE_URL", &database.url);
    let (result, text) = output(second);
    assert!(!result.status.success());
    assert!(text.contains(&running.grpc.to_string()), "{text}");
}

#[tokio::test]
async fn the_health_check_tells_serving_from_not() {
    let database = Database::empty(Backend::Sqlite).await;
    let mut running = Running::start(serve(&database));
    running.wait_for_log("ready");
    let address = running.grpc.to_string();
    let check = |arguments: &[&str]| {
        let mut check = command(&[&["healthcheck"], arguments].concat());
        check.env("COUNTERSIGN_GRPC_ADDR", &address);
        output(check)
    };
    assert!(check(&[]).0.status.success());
    assert!(check(&["--liveness"]).0.status.success());
    database.run("UPDATE _sqlx_migrations SET success = FALSE WHERE version > 1").await;
    running.wait_for_log("not ready");
    let (result, text) = check(&[]);
    assert!(!result.status.success() && text.contains("is not serving"), "{text}");
    assert!(check(&["--liveness"]).0.status.success());

    database.run("UPDATE _sqlx_migrations SET success = TRUE").await;
    running.wait_for_log("ready");
    // What the server needs beside its address is no business of the check's.
    let mut in_production = command(&["healthcheck"]);
    in_production
        .env("COUNTERSIGN_GRPC_ADDR", &address)
        .env("DATABASE_URL", "postgres://nobody@localhost/nothing");
    let (result, text) = output(in_production);
    assert!(result.status.success() && text.is_empty(), "{text}");

    let mut nobody = command(&["healthcheck"]);
    nobody.env("COUNTERSIGN_GRPC_ADDR", "127.0.0.1:1");
    let (result, text) = output(nobody);
    assert!(!result.status.success() && text.contains("no answer from 127.0.0.1:1"), "{text}");
}

#[rstest]
#[tokio::test]
async fn migrate_brings_an_empty_database_up_to_date_and_can_be_repeated(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::empty(backend).await;
    for _ in 0..2 {
        // A job that migrates has no keys.
        let mut migrate = command(&["migrate"]);
        migrate.env("DATABASE_URL", &database.url);
        let (result, text) = output(migrate);
        assert!(result.status.success(), "{text}");
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM users").await, 0);
}

#[test]
fn calibrating_needs_no_settings_and_gives_every_kernel_and_cost_as_data() {
    let mut calibrate = command(&["calibrate", "--json", "--seconds", "1", "--latency", "1h"]);
    // No other command would start with it.
    calibrate.env("DATABASE_URL", "nonsense").env("COUNTERSIGN_BCRYPT_COST", "99");
    let (result, text) = output(calibrate);
    assert!(result.status.success() && text.is_empty(), "{text}");
    let data: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
    let mut found = Vec::new();
    for row in data["kernels"].as_array().unwrap() {
        assert!(row["step_ns"].as_u64().unwrap() > 0, "{row}");
        assert!(row["logins_per_second_on_one_core"].as_f64().unwrap() > 0.0, "{row}");
        found.push((row["kernel"].as_str().unwrap(), row["lanes"].as_u64().unwrap()));
    }
    assert_eq!(found[0], ("crate", 1));
    for lanes in 1..=6 {
        assert!(found.contains(&("portable", lanes)), "{lanes} in {found:?}");
        let bmi = cfg!(target_arch = "x86_64") && std::is_x86_feature_detected!("bmi1");
        assert_eq!(found.contains(&("bmi", lanes)), bmi, "{lanes} in {found:?}");
    }
    let costs: Vec<_> = data["costs"].as_array().unwrap().iter().map(|c| &c["cost"]).collect();
    assert_eq!(costs, [10, 11, 12, 13, 14]);
    let advice = &data["recommendation"];
    assert_eq!((&advice["cost"], &advice["in_time"]), (&16.into(), &true.into()));
    assert_eq!(advice["settings"]["COUNTERSIGN_BCRYPT_COST"], "16");
}

#[test]
fn calibrating_prints_tables_and_advice_within_eighty_columns() {
    let (result, log) = output(command(&["calibrate", "--seconds", "1", "--latency", "1ns"]));
    assert!(result.status.success() && log.is_empty(), "no bar without a terminal: {log}");
    let text = String::from_utf8(result.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for words in ["kernel lanes alone", "crate 1 ", "portable 6 ", "cost alone load", "14 "] {
        let has =
            |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(words);
        assert!(text.lines().any(has), "{words} begins no line of\n{text}");
    }
    assert!(text.contains("too slow") && text.contains("COUNTERSIGN_BCRYPT_COST=10"), "{text}");
}

fn help(arguments: &[&str]) -> String {
    let (result, errors) = output(command(arguments));
    assert!(result.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    String::from_utf8(result.stdout).unwrap()
}

#[test]
fn help_names_every_setting_below_its_topic_and_the_short_one_none() {
    let long = help(&["--help"]);
    for setting in countersign::config::all_settings() {
        assert!(long.contains(setting.name), "{}", setting.name);
    }
    let place = |text: &str| long.find(text).unwrap_or_else(|| panic!("{text} is not in {long}"));
    let topics =
        ["\nDatabase:", "\nListening:", "\nDelivery:", "\nPasswords:", "\nLog:"].map(place);
    assert!(topics.is_sorted(), "{long}");
    assert!((topics[0]..topics[1]).contains(&place("--database-url")), "{long}");
    assert!((topics[1]..topics[2]).contains(&place("--forwarded-header")), "{long}");
    assert!(place("--log-format") > topics[4], "{long}");
    let short = help(&["-h"]);
    assert!(short.contains("serve") && short.contains("--help"), "{short}");
    assert!(!short.contains("--grpc-addr") && short.lines().count() < 30, "{short}");
}

#[test]
fn a_commands_help_shows_the_settings_that_it_reads_and_it_takes_the_others() {
    for (name, shown, hidden) in [
        ("serve", &["DATABASE_URL", "SMTP_URL", "LOG_FORMAT"][..], &[][..]),
        ("keys", &["MASTER_KEY", "DATABASE_URL"], &[]),
        (
            "migrate",
            &["DATABASE_URL", "DATABASE_CONNECTIONS", "LOG"],
            &["SMTP_URL", "GRPC_ADDR", "ISSUER"],
        ),
        ("backup", &["DATABASE_URL", "LOG_FORMAT"], &["SMTP_URL", "GRPC_ADDR", "ISSUER"]),
        ("events", &["DATABASE_URL", "LOG_FORMAT", "--since"], &["MASTER_KEY", "HTTP_ADDR"]),
        (
            "healthcheck",
            &["GRPC_ADDR", "LOG", "--liveness"],
            &["DATABASE_URL", "HTTP_ADDR", "SMTP"],
        ),
        ("calibrate", &["--"], &["COUNTERSIGN_GRPC", "DATABASE_URL", "LOG_FORMAT"]),
    ] {
        let long = help(&[name, "--help"]);
        assert!(shown.iter().all(|text| long.contains(text)), "{long}");
        assert!(!hidden.iter().any(|text| long.contains(text)), "{long}");
        assert!(!help(&[name, "-h"]).contains("[env: "), "{name}");
    }
    let (_, errors) = output(command(&["healthcheck", "--grpc-addr=127.0.0.1:1", "--otp-ttl=5m"]));
    assert!(errors.contains("no answer"), "{errors}");
}

#[test]
fn the_version_is_told_by_every_command() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(help(&["--version"]), format!("countersign {version}\n"));
    assert_eq!(help(&["-V"]), format!("countersign {version}\n"));
    for name in ["serve", "migrate", "calibrate"] {
        assert!(help(&[name, "--version"]).contains(version), "{name}");
    }
}
