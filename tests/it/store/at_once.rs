//! Writes of one statement on Postgres, beside rivals: what the statement's snapshot does not show, it must not overlook.

use std::sync::Arc;

use countersign::{
    domain::{Throttle, ThrottleRule},
    store::{Admission, Charge, Refresh, Refreshed, SessionLimit, Settled, Spending, Store},
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use super::{NO_FAILURES, NO_LIMIT, at, new_challenge, revoking, session_of, stored_user};
use crate::harness::{Backend, Database, eventually};

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

/// A login elsewhere: its session, and its time in the user's row.
fn another_login(user_id: Uuid) -> String {
    format!(
        "UPDATE users SET last_login_at = created_at WHERE id = '{user_id}'; \
         INSERT INTO sessions (id, user_id, credential_version, audience, device_name, amr, created_at, expires_at) \
         SELECT gen_random_uuid(), id, 1, '', '', 'pwd mfa', created_at, created_at + INTERVAL '1 day' FROM users \
         WHERE id = '{user_id}'"
    )
}

#[tokio::test]
async fn a_session_that_begins_behind_another_login_ends_that_ones() {
    let (database, store) = database().await;
    let user_id = stored_user(store.as_ref()).await.user.id;
    let rival = Rival::begins(&database, &another_login(user_id)).await;
    let limit = SessionLimit { most: 1, tokens_expire_at: at(900) };
    let begin = store.session_create(session_of(user_id), 1, NO_FAILURES, limit);
    let (begun, ()) = tokio::join!(begin, rival.commits_when_it_is_waited_for());
    let live = "SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL";
    assert!(begun.unwrap().is_some() && database.number(live).await == 1);
}

#[rstest::rstest]
#[case::a_new_password("credential_version = 2")]
#[case::disabled("disabled_at = created_at")]
#[tokio::test]
async fn no_session_begins_behind_a_change_of_the_account(#[case] change: &str) {
    let (database, store) = database().await;
    let user = stored_user(store.as_ref()).await;
    let rival = Rival::begins(&database, &format!("UPDATE users SET {change}")).await;
    let failures = Settled { forget: vec![([1; 32], 1)], ..NO_FAILURES };
    let rule = ThrottleRule::Passwords;
    store.throttle_charge(vec![Charge { key: [1; 32], rule }], at(0)).await.unwrap();
    let begin = store.session_create(session_of(user.user.id), 1, failures, NO_LIMIT);
    let (begun, ()) = tokio::join!(begin, rival.commits_when_it_is_waited_for());
    assert!(begun.unwrap().is_none());
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 0);
    assert_eq!(
        database.number("SELECT COUNT(*) FROM events WHERE session_id IS NOT NULL").await,
        0
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 1);
}

#[tokio::test]
async fn a_challenge_is_not_completed_behind_another_answer() {
    let (database, store) = database().await;
    let user = stored_user(store.as_ref()).await;
    database.run("UPDATE users SET email_verified = TRUE").await;
    let new = new_challenge(&user);
    assert!(store.challenge_create(new.clone(), None).await.unwrap());
    let answer =
        format!("{}; UPDATE challenges SET consumed_at = created_at", another_login(user.user.id));
    let rival = Rival::begins(&database, &answer).await;
    let session = session_of(user.user.id);
    let complete =
        store.challenge_complete(new.challenge, session, Spending::SentCode, NO_FAILURES, NO_LIMIT);
    let (completed, ()) = tokio::join!(complete, rival.commits_when_it_is_waited_for());
    assert!(completed.unwrap().is_none());
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

/// The session moves along with a new password: neither the old user nor the new session decides alone.
#[tokio::test]
async fn a_refresh_behind_a_change_of_the_password_sees_all_of_it() {
    let (database, store) = database().await;
    let session = session_of(stored_user(store.as_ref()).await.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT).await.unwrap();
    let change =
        "UPDATE users SET credential_version = 2; UPDATE sessions SET credential_version = 2";
    let rival = Rival::begins(&database, change).await;
    let refresh = store.session_refresh(Refresh {
        session_id: session.id,
        number: 0,
        request_id: None,
        repeat_within: std::time::Duration::ZERO,
        idle_expires_at: at(500),
        latest_end: at(1000),
        at: revoking(1),
        notice: None,
    });
    let (refreshed, ()) = tokio::join!(refresh, rival.commits_when_it_is_waited_for());
    let Refreshed::Live(live) = refreshed.unwrap() else { panic!("it has ended") };
    assert_eq!((live.session.token_number, live.credentials.credential_version), (1, 2));
}

/// The rival's row is not there for the snapshot, and spends what there is.
#[tokio::test]
async fn an_attempt_behind_the_one_that_spends_its_budget_is_refused_and_charged_to_none() {
    let (database, store) = database().await;
    let spends = format!(
        "INSERT INTO throttles (key, failures, last_at, next_allowed_at, expires_at) \
         SELECT decode('{}', 'hex'), 1, at, at + INTERVAL '1 hour', at + INTERVAL '1 hour' \
         FROM (VALUES (TIMESTAMPTZ '2027-01-15 08:00:00Z')) AS times (at)",
        "02".repeat(32)
    );
    let rival = Rival::begins(&database, &spends).await;
    let (first, spent) = (ThrottleRule::Codes, ThrottleRule::Hourly(1));
    let rate = ThrottleRule::Rate(600);
    let charges = [(1, first), (2, spent), (3, rate)];
    let charges = charges.map(|(key, rule)| Charge { key: [key; 32], rule }).to_vec();
    let charge = store.throttle_charge(charges, at(0));
    let (admission, ()) = tokio::join!(charge, rival.commits_when_it_is_waited_for());
    let admission = admission.unwrap();
    assert!(matches!(admission, Admission::Refused { rule, .. } if rule == spent), "{admission:?}");
    let counted = "SELECT CAST(SUM(failures) AS BIGINT) FROM throttles";
    assert_eq!(database.number(counted).await, 1, "the rival's");
}

/// What many fill together is counted by what is in it then, and by the same rule.
#[tokio::test]
async fn a_bucket_that_others_fill_meanwhile_is_filled_by_the_rule() {
    let (database, store) = database().await;
    let rule = ThrottleRule::Rate(60);
    let charge = || store.throttle_charge(vec![Charge { key: [3; 32], rule }], at(5));
    charge().await.unwrap();
    let before = rule.charge(None, at(5)).unwrap().after;
    // A replica whose clock is ahead by two seconds.
    let others = rule.charge(Some(before), at(7)).unwrap().after;
    let Throttle { failures, last_at, next_allowed_at, expires_at } = others;
    let micros = [last_at, next_allowed_at, expires_at].map(|time| time.unix_micros());
    let times =
        micros.map(|micros| format!("TIMESTAMPTZ 'epoch' + {micros} * INTERVAL '1 microsecond'"));
    let [last_at, next_allowed_at, expires_at] = times;
    let fill = format!(
        "UPDATE throttles SET failures = {failures}, last_at = {last_at}, \
         next_allowed_at = {next_allowed_at}, expires_at = {expires_at}"
    );
    let rival = Rival::begins(&database, &fill).await;
    let (charged, ()) = tokio::join!(charge(), rival.commits_when_it_is_waited_for());
    let expected = rule.charge(Some(others), at(5)).unwrap();
    assert_eq!(charged.unwrap(), Admission::Charged(vec![expected]));
}
