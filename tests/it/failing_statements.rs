//! A statement that the database refuses: the log says which operation it was of and why, and nothing of what was to be stored.

use countersign::pb::{RegisterRequest, auth_service_client::AuthServiceClient};
use rstest::rstest;
use tracing::Instrument as _;

use crate::{
    harness::{
        Backend, Database, eventually, logs,
        server::{PASSWORD, alice},
        unique,
    },
    http,
    no_secrets::canaries::Canaries,
    process::serve,
    store::new_user,
};

/// Makes a database say in its error what was to be stored.
const TELLING: [(&str, Backend, &str); 3] = [
    // "invalid input syntax for type integer"
    (
        "22P02",
        Backend::Postgres,
        "ALTER TABLE users ADD COLUMN number INTEGER GENERATED ALWAYS AS (CAST(email AS INTEGER)) STORED",
    ),
    // Triggers, as operators have them.
    (
        "P0001",
        Backend::Postgres,
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'refused: % %', NEW.email, NEW.password_hash; END $$;
         CREATE TRIGGER tell BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION tell()",
    ),
    (
        "1811",
        Backend::Sqlite,
        "CREATE TRIGGER tell BEFORE INSERT ON users BEGIN \
         SELECT RAISE(ABORT, 'refused: ' || NEW.email || NEW.password_hash); END",
    ),
];

#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
#[tokio::test]
async fn its_operation_and_its_code_are_logged_and_no_value(#[case] case: usize) {
    let (code, backend, tell) = TELLING[case];
    let database = Database::new(backend).await;
    database.store().await.close().await;
    database.run(tell).await;
    let mut canaries = Canaries::start(serve(&database));
    let mut auth = AuthServiceClient::connect(canaries.grpc()).await.unwrap();
    let email = "canary.mailbox@example.com".to_owned();
    canaries.refused(auth.register(RegisterRequest { email, ..alice(PASSWORD) }).await);
    let line = canaries.running.wait_for_log("internal error");
    for named in [r#"operation="user_create""#, &format!(r#"sqlstate="{code}""#)] {
        assert!(line.contains(named), "{named} is not in {line}");
    }
    let (_, figures) = http::get(canaries.running.http, "/metrics").await;
    let count = r#"countersign_store_operation_duration_seconds_count{operation="user_create",result="error"} 1"#;
    assert!(figures.lines().any(|line| line == count), "{figures}");
    canaries.keep(&figures);
    drop(auth);
    canaries.stop(0).await;
    canaries.must_not_hold("the address", "canary.mailbox");
    canaries.must_not_hold("the hash", "bcrypt-sha256$");
}

/// What a write logs belongs to the request that it is of, also where its caller has gone, who alone would have told of it.
#[rstest]
#[tokio::test]
async fn a_write_that_fails_after_its_caller_has_gone_is_told_of_in_the_callers_span(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    logs::start();
    let database = Database::new(backend).await;
    let store = database.store().await;
    database.refuse("INSERT ON users").await;
    let other = unique("request");
    let create = |id: &str| {
        store.user_create(new_user()).instrument(tracing::info_span!("call", request = id))
    };
    // Again and again, until a caller goes between the beginning of their write and its end.
    let mut ids = Vec::new();
    eventually("the line", async || {
        let id = format!("{}.", unique("request"));
        database.begin_and_go(store.as_ref(), create(&id)).await;
        ids.push(id);
        ids.iter().any(|id| !logs::events_with(id).is_empty())
    })
    .await;
    // Those after it are made before this one.
    create(&other).await.unwrap_err();
    let of_each = ids.iter().map(|id| (id, logs::events_with(id)));
    let mut told: Vec<_> = of_each.filter(|(_, told)| !told.is_empty()).collect();
    assert!(told.iter().all(|(_, told)| told.len() == 1), "{told:?}");
    let (id, told) = told.remove(0);
    let told = &told[0];
    assert_eq!(told["operation"], "user_create");
    assert_eq!(told["span"]["request"], id.as_str());
    assert_eq!(told["sqlstate"], if backend == Backend::Sqlite { "1811" } else { "P0001" });
    // Whoever waits for the answer is told by that.
    assert_eq!(logs::events_with(&other).len(), 0);
}
