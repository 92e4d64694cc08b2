//! Writes of one statement on Postgres, beside rivals: what the statement's snapshot does not show, it must not overlook.

use std::sync::Arc;

use super::{KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, revoking, session_of, stored_user};
use crate::harness::{Backend, Database, eventually};
use countersign::store::{Refresh, Refreshed, Store};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// A transaction that holds what a call then waits for.
struct Rival {
    connection: PgConnection,
    database: Arc<Database>,
}

impl Rival {
    async fn begins(database: &Arc<Database>, statement: &str) -> Self {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute("BEGIN").await.unwrap();
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
        Self { connection, database: Arc::clone(database) }
    }

    /// Commits as soon as the call waits: its snapshot shows nothing of this.
    async fn commits_when_it_is_waited_for(mut self) {
        let waits = "SELECT COUNT(*) FROM pg_stat_activity \
                     WHERE wait_event_type = 'Lock' AND datname = current_database()";
        eventually("the call waits", async || self.database.number(waits).await == 1).await;
        self.connection.execute("COMMIT").await.unwrap();
    }
}

async fn database() -> (Arc<Database>, Arc<dyn Store>) {
    let database = Database::new(Backend::Postgres).await;
    let store = database.store().await;
    (Arc::new(database), store)
}

/// The session moves along with a new password: neither the old user nor the new session decides alone.
#[tokio::test]
async fn a_refresh_behind_a_change_of_the_password_sees_all_of_it() {
    let (database, store) = database().await;
    let session = session_of(stored_user(store.as_ref()).await.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    let change =
        "UPDATE users SET credential_version = 2; UPDATE sessions SET credential_version = 2";
    let rival = Rival::begins(&database, change).await;
    let refresh = store.session_refresh(Refresh {
        session_id: session.id,
        number: 0,
        request_id: None,
        repeat_within: std::time::Duration::ZERO,
        grace: std::time::Duration::ZERO,
        idle_expires_at: at(500),
        latest_end: at(1000),
        at: revoking(1),
        notice: None,
    });
    let (refreshed, ()) = tokio::join!(refresh, rival.commits_when_it_is_waited_for());
    let Refreshed::Live(live) = refreshed.unwrap() else { panic!("it has ended") };
    assert_eq!((live.session.token_number, live.credentials.credential_version), (1, 2));
}
