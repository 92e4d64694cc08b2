//! A database that answers and takes no write.

use tonic_health::pb::health_check_response::ServingStatus;

use super::{becomes, serve, write};
use crate::harness::{Backend, Database};

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
