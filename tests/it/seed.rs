//! `countersign seed`.

use rstest::rstest;

use countersign::pb::{
    LoginRequest, auth_service_client::AuthServiceClient, login_response::Result as Outcome,
};

use crate::{
    harness::{
        Backend, Database,
        command::{Running, output},
    },
    process::{on, serve},
};

/// Seeds so many users, and gives what is said.
fn seed(database: &Database, users: u32) -> Result<String, String> {
    let users = format!("--users={users}");
    let mut command = on(database, &["seed", &users, "--even-in-production"]);
    // A random one for each run can't open what the run before has sealed.
    command.env("COUNTERSIGN_MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let (result, text) = output(command);
    if result.status.success() { Ok(text) } else { Err(text) }
}

/// More than one batch has.
#[rstest]
#[tokio::test]
async fn seeding_again_makes_only_the_sample_users_that_are_missing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::empty(backend).await;
    database.store().await;
    for (users, made) in [(7, "made=7 there=0"), (1001, "made=994 there=7"), (1000, "there=1000")] {
        let text = seed(&database, users).unwrap();
        assert!(text.contains(made), "{text}");
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM users").await, 1001);
    assert_eq!(database.number("SELECT COUNT(*) FROM users WHERE is_2fa_enabled").await, 500);
    assert_eq!(database.number("SELECT COUNT(*) FROM users WHERE email_verified").await, 0);
}

#[tokio::test]
async fn a_sample_user_may_have_another_address_by_now_and_nobody_elses_is_taken() {
    let database = Database::empty(Backend::Sqlite).await;
    database.store().await;
    seed(&database, 2).unwrap();
    let set = |username: &str, email: &str| {
        format!(
            "UPDATE users SET email = '{email}', email_key = '{email}' WHERE username_key = '{username}'"
        )
    };
    database.run(&set("sample-1", "elsewhere@example.com")).await;
    assert!(seed(&database, 2).unwrap().contains("made=0 there=2"));
    database.run(&set("sample-1", "sample-4@example.com")).await;
    let text = seed(&database, 5).unwrap_err();
    assert!(
        text.contains("sample-4") && text.contains("is taken by a user with another name"),
        "{text}"
    );
}

#[tokio::test]
async fn sample_users_log_in_every_second_one_with_a_second_factor() {
    let database = Database::empty(Backend::Sqlite).await;
    database.store().await;
    let (result, text) = output(on(&database, &["seed", "--users=2"]));
    assert!(result.status.success(), "{text}");
    let running = Running::start(serve(&database));
    let mut auth = AuthServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    let mut log_in = async |username: &str| {
        let (username, password) = (username.to_owned(), "sample correct horse".to_owned());
        let request = LoginRequest { username, password, ..LoginRequest::default() };
        auth.login(request).await.unwrap().into_inner().result.unwrap()
    };
    assert!(matches!(log_in("sample-1").await, Outcome::Tokens(_)));
    assert!(matches!(log_in("sample-2").await, Outcome::Challenge(_)));
}

#[tokio::test]
async fn sample_users_do_not_get_into_postgres_unasked() {
    let database = Database::empty(Backend::Postgres).await;
    let (result, text) = output(on(&database, &["seed", "--users", "1"]));
    assert!(!result.status.success() && text.contains("--even-in-production"), "{text}");
}
