//! Who may change the schema, and who may only use its rows.

use rstest::rstest;

use super::Role;
use crate::{
    harness::{
        Backend, Database, Server,
        command::{Running, command, output},
    },
    process::serve,
};

/// The statements of docs/operations.md, for roles of this test's own.
fn grants(database: &Database, owner: &Role, user: &Role) -> String {
    let docs = include_str!("../../../docs/operations.md");
    let text = docs.split("```sql\n").find(|block| block.contains("DEFAULT PRIVILEGES")).unwrap();
    let text = text.split("```").next().unwrap();
    let name = database.url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap();
    text.replace("DATABASE countersign", &format!(r#"DATABASE "{name}""#))
        .replace("countersign_owner", &format!(r#""{}""#, owner.name))
        .replace("countersign_service", &format!(r#""{}""#, user.name))
}

/// A database, its owner, and a role that may use rows alone, as the docs say.
async fn divided() -> (Database, Role, Role) {
    let database = Database::empty(Backend::Postgres).await;
    let (owner, user) = (Role::new(&database, "").await, Role::new(&database, "").await);
    database.run(&grants(&database, &owner, &user)).await;
    (database, owner, user)
}

fn migrate(url: &str) -> (std::process::Output, String) {
    let mut migrate = command(&["migrate"]);
    migrate
        .env("COUNTERSIGN_MIGRATE_URL", url)
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/x");
    output(migrate)
}

#[tokio::test]
async fn a_role_that_may_only_use_rows_serves_what_its_owner_has_migrated() {
    let (database, owner, user) = divided().await;
    let (result, text) = migrate(&owner.url(&database));
    assert!(result.status.success(), "{text}");
    let url = user.url(&database);
    let server = Server::start_at(database, |config| config.database.url = url).await;
    let alice = server.user(false).await;
    let tokens = server.session(&alice).await;
    let refreshed = server.refresh(&tokens.refresh_token, "").await.unwrap();
    assert_eq!(server.me(&refreshed).await.unwrap().username, alice.username);
    server.logout(&refreshed.refresh_token).await.unwrap();
    server.challenge(&server.user(true).await).await;
    let database = std::sync::Arc::clone(&server.database);
    server.stop().await.unwrap();
    let may_create = format!(
        "SELECT CAST(CAST(has_schema_privilege('{}', 'public', 'CREATE') AS INT) AS BIGINT)",
        user.name
    );
    assert_eq!(database.number(&may_create).await, 0);
    user.drop(&database).await;
    owner.drop(&database).await;
}

#[tokio::test]
async fn where_there_is_something_to_migrate_it_says_who_can() {
    let (database, owner, user) = divided().await;
    let mut start = serve(&database);
    start.env("DATABASE_URL", user.url(&database));
    let (result, text) = output(start);
    assert!(!result.status.success());
    assert!(
        text.contains("countersign migrate") && text.contains("COUNTERSIGN_MIGRATE_URL"),
        "{text}"
    );
    assert!(!text.contains("secret@"), "{text}");

    let mut start = serve(&database);
    start
        .env("DATABASE_URL", user.url(&database))
        .env("COUNTERSIGN_MIGRATE_URL", owner.url(&database));
    let mut running = Running::start(start);
    running.wait_for_log("ready");
    running.signal("TERM");
    assert!(running.wait().await.success(), "{}", running.logged);
    user.drop(&database).await;
    owner.drop(&database).await;
}

#[rstest]
#[tokio::test]
async fn checking_migrates_nothing(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let database = Database::empty(backend).await;
    let check = || {
        let mut start = serve(&database);
        start.env("COUNTERSIGN_MIGRATE", "check");
        start
    };
    let (result, text) = output(check());
    assert!(!result.status.success());
    assert!(text.contains("run `countersign migrate`"), "{text}");
    let tables = match backend {
        Backend::Sqlite => "SELECT COUNT(*) FROM sqlite_master",
        Backend::Postgres => "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'",
    };
    assert_eq!(database.number(tables).await, 0);
    database.store().await.close().await;
    Running::start(check()).wait_for_log("ready");
}

/// The server starts on a schema that is too old for it, and is not ready.
#[rstest]
#[tokio::test]
async fn with_migrations_off_nothing_is_looked_at_but_by_the_readiness(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::empty(backend).await;
    database.store().await.close().await;
    database
        .run("DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)")
        .await;
    let mut start = serve(&database);
    start.env("COUNTERSIGN_MIGRATE", "off");
    let mut running = Running::start(start);
    assert!(running.wait_for_log("not ready").contains("run `countersign migrate`"));
}
