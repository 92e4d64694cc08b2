//! A database that answers and takes no write.

use tonic_health::pb::health_check_response::ServingStatus;

use super::{becomes, serve, write};
use crate::{
    harness::{Backend, Database, server::registration},
    store::new_user,
};

/// A full disk, as Postgres says it (53100).
const FULL: &str = "
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END $$;
    CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION full_disk();
    CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON throttles FOR EACH STATEMENT EXECUTE FUNCTION full_disk();
    CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON leases FOR EACH STATEMENT EXECUTE FUNCTION full_disk()";

#[tokio::test]
async fn two_writes_in_a_row_that_fail_make_it_not_ready_until_one_succeeds() {
    let database = Database::new(Backend::Postgres).await;
    let server = serve(&database.url, |_, _| {}).await;
    becomes(&server, ServingStatus::Serving).await;
    database.run(FULL).await;
    for _ in 0..2 {
        write(&server.auth).await.unwrap_err();
    }
    becomes(&server, ServingStatus::NotServing).await;
    // It stays so: what readiness tries itself fails as well.
    for _ in 0..20 {
        becomes(&server, ServingStatus::NotServing).await;
    }
    // Nobody calls: readiness finds out by itself.
    database.run("DROP FUNCTION full_disk CASCADE").await;
    becomes(&server, ServingStatus::Serving).await;
    write(&server.auth).await.unwrap();
}

/// After a failure each transaction asks whether it has written. Where that can't be answered it is not committed either: Postgres
/// answers the COMMIT of an aborted transaction without an error.
#[tokio::test]
async fn nothing_is_acknowledged_whose_transaction_was_aborted_by_a_question_of_our_own() {
    let database = Database::new(Backend::Postgres).await;
    let server = serve(&database.url, |_, environment| {
        environment.check_every = std::time::Duration::from_secs(3600);
    })
    .await;
    database.run(FULL).await;
    write(&server.auth).await.unwrap_err();
    database.run("DROP FUNCTION full_disk CASCADE").await;
    database.run("ALTER FUNCTION pg_catalog.txid_current_if_assigned() RENAME TO nothing").await;
    let user = registration(false);
    let username = user.username.clone();
    let acknowledged = server.register(user).await.is_ok();
    let kept = format!("SELECT COUNT(*) FROM users WHERE username = '{username}'");
    assert_eq!(database.number(&kept).await > 0, acknowledged);
}

/// Cuts the connection of whoever adds a user, the first time; a sequence counts, since no rollback takes that back.
const CUT_ONCE: &str = "
    CREATE SEQUENCE tries;
    CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('tries') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
      RETURN NEW;
    END $$;";

/// A transaction that surely did not happen is run again. One whose COMMIT was sent may have: whoever runs it again may do it twice.
#[tokio::test]
async fn a_transaction_is_run_again_unless_its_commit_was_sent() {
    for (when, added, tries) in [
        ("CREATE TRIGGER cut BEFORE INSERT ON users", true, 2),
        (
            "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED",
            false,
            1,
        ),
    ] {
        let database = Database::new(Backend::Postgres).await;
        let store = database.store().await;
        database.run(CUT_ONCE).await;
        database.run(&format!("{when} FOR EACH ROW EXECUTE FUNCTION cut()")).await;
        assert_eq!(store.user_create(new_user()).await.ok(), added.then_some(true), "{when}");
        assert_eq!(database.number("SELECT last_value FROM tries").await, tries, "{when}");
        store.close().await;
    }
}
