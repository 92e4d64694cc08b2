//! The cost of statements about one account, however many rows it has: in steps of SQLite's virtual machine, which do not
//! depend on the machine's load.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use uuid::Uuid;

use super::*;
use crate::{
    domain::{Actor, LoginName, Session, Timestamp, User},
    store::{
        Credentials, Deletion, Ended, Housekeeping as _, LoginDevice, NewUser, PasswordChange,
        Passwords as _, PersonalRecords as _, Priority, Revoking, SealedMessage, SessionLimit,
        Sessions as _, Settled, Users as _,
    },
};

const ROWS: u32 = 50_000;

/// Steps for one count of `Meter`.
const STRIDE: u32 = 100;

/// The limit of one method: some of them read a thousand sessions.
const MOST: u64 = 60_000;

/// Counts the steps of all connections of a store.
struct Meter(Arc<AtomicU64>);

impl Meter {
    async fn on(store: &Sqlite) -> Self {
        let steps = Arc::new(AtomicU64::new(0));
        for pool in [&store.writer_pool, &store.readers] {
            let mut connection = pool.acquire().await.unwrap();
            let steps = Arc::clone(&steps);
            let count = move || {
                steps.fetch_add(u64::from(STRIDE), Ordering::Relaxed);
                true
            };
            let stride = i32::try_from(STRIDE).unwrap();
            connection.lock_handle().await.unwrap().set_progress_handler(stride, count);
        }
        Self(steps)
    }

    /// The steps since the last time.
    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_000_000).plus(Duration::from_secs(seconds))
}

fn revoking() -> Revoking {
    Revoking {
        now: at(20),
        tokens_expire_at: at(900),
        actor: Actor::Nobody,
        address: None,
        carried_out: None,
    }
}

fn message() -> SealedMessage {
    let id = Uuid::now_v7();
    let (source, account) = ([1; 32], [2; 32]);
    SealedMessage {
        id,
        sealed: Vec::new(),
        created_at: at(0),
        expires_at: at(300),
        priority: Priority::Notice,
        source,
        account,
        code: None,
    }
}

fn new_user(user: User) -> NewUser {
    NewUser {
        username_key: user.username.clone(),
        email_key: user.email.clone(),
        password_hash: "hash".into(),
        request_id: None,
        verification: None,
        claim_key: None,
        verify_by: None,
        actor: Actor::Nobody,
        address: None,
        user,
    }
}

/// A store with one reader, and a user.
async fn store() -> (tempfile::TempDir, Sqlite, Credentials) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db", folder.path().display());
    let store = Sqlite::connect(&url, 1).await.unwrap();
    store.migrate().await.unwrap();
    let user = User { email_verified: true, ..User::sample(at(0)) };
    assert!(store.user_create(new_user(user)).await.unwrap());
    let name = LoginName::parse("alice").unwrap();
    let user = store.user_by_login(&name).await.unwrap().unwrap();
    (folder, store, user)
}

/// Gives the user live sessions, and begins one more.
async fn piled_up(store: &Sqlite, user: Uuid) -> Session {
    sqlx::query(
        "INSERT INTO sessions (id, user_id, credential_version, audience, device_name, amr, created_at, \
         expires_at, epoch) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
         SELECT randomblob(16), id, credential_version, '', '', 'pwd', $2, $3, session_epoch FROM n, users",
    )
    .bind(ROWS)
    .bind(at(0))
    .bind(at(900))
    .execute(&store.writer_pool)
    .await
    .unwrap();
    Session { created_at: at(1), ..Session::sample(user, at(1), at(900)) }
}

async fn log_in(store: &Sqlite, own: Session, version: i64, limit: SessionLimit) -> Session {
    let (settled, device) = (Settled::default(), LoginDevice::KNOWN);
    store.session_create(own, version, settled, limit, device).await.unwrap().unwrap()
}

#[tokio::test]
async fn no_method_reads_all_that_an_account_has_piled_up() {
    let (_folder, store, user) = store().await;
    let (id, mut version) = (user.user.id, user.credential_version);
    let limit = SessionLimit { most: 100, tokens_expire_at: at(900) };
    let mut costs = Vec::new();
    let meter = Meter::on(&store).await;
    let mut own = piled_up(&store, id).await;
    assert!(meter.take() > u64::from(ROWS), "it counts");
    let cost = |what: &'static str| (what, meter.take());

    own = log_in(&store, own, version, limit).await;
    costs.push(cost("login"));
    assert_eq!(store.session_list(id, at(2), None, 100).await.unwrap().len(), 100);
    costs.push(cost("list"));
    assert!(store.session_live(own.id, at(2)).await.unwrap().is_some());
    costs.push(cost("bearer"));
    assert_eq!(store.session_revoke_others(id, own.id, revoking()).await.unwrap(), Some(1000));
    costs.push(cost("revoke others"));
    own = piled_up(&store, id).await;
    own = log_in(&store, own, version, limit).await;
    meter.take();
    let password_change = PasswordChange {
        user_id: id,
        credential_version: version,
        session_id: own.id,
        password_hash: "other".into(),
        at: revoking(),
    };
    assert!(store.password_change(password_change, message()).await.unwrap());
    version += 1;
    costs.push(cost("change password"));
    piled_up(&store, id).await;
    meter.take();
    assert!(store.user_disable(id, revoking()).await.unwrap());
    costs.push(cost("disable"));
    assert!(store.user_enable(id, revoking()).await.unwrap());
    version += 1;
    own = piled_up(&store, id).await;
    own = log_in(&store, own, version, limit).await;
    meter.take();
    assert_eq!(
        store.user_delete(id, own.id, version, revoking(), message()).await.unwrap(),
        Deletion::Done
    );
    costs.push(cost("delete"));
    let removed = store.ended_remove(Ended::DeletedSessions, at(30), 500).await.unwrap();
    assert_eq!(removed, 500);
    costs.push(cost("a batch of the janitor"));
    for (what, steps) in &costs {
        assert!(*steps <= MOST, "{what}: {steps} steps; all: {costs:?}");
    }
}

/// Of what others have, nothing is read.
#[tokio::test]
async fn an_export_reads_what_its_user_has_and_no_more() {
    let (_folder, store, other) = store().await;
    let user =
        User { username: "bob".into(), email: "bob@example.com".into(), ..User::sample(at(0)) };
    let user = User { id: Uuid::now_v7(), ..user };
    let own = user.id;
    assert!(store.user_create(new_user(user)).await.unwrap());
    for table in [
        "sessions (id, user_id, credential_version, audience, device_name, amr, created_at, expires_at, epoch) \
         SELECT randomblob(16), $2, 1, '', '', 'pwd', 0, 1, 0",
        "challenges (id, token_mac, user_id, credential_version, code_mac, attempts, audience, device_name, \
         created_at, resend_at, expires_at) SELECT randomblob(16), randomblob(32), $2, 1, x'00', 0, '', '', 0, 0, 1",
        "mailbox_codes (id, id_mac, user_id, credential_version, budget, code_mac, attempts, created_at, expires_at) \
         SELECT randomblob(16), randomblob(32), $2, 1, x'00', x'00', 0, 0, 1",
        "email_changes (id, user_id, number, code_mac, former_email, former_email_key, was_verified, created_at, expires_at) \
         SELECT randomblob(16), $2, i, randomblob(32), '', '', TRUE, 0, 1",
        "outbox (id, sealed_message, created_at, next_try_at, tries, expires_at, user_id) \
         SELECT randomblob(16), x'00', 0, 0, 0, 1, $2",
        "totp_factors (id, user_id, credential_version, sealed_secret, last_step, attempts, created_at, expires_at) \
         SELECT randomblob(16), $2, 1, x'00', 0, 0, 0, 1",
        "recovery_codes (user_id, code_mac, created_at) SELECT $2, randomblob(32), 0",
    ] {
        let (table, select) = table.split_once(" SELECT ").unwrap();
        let sql = format!(
            "INSERT INTO {table} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
             SELECT {select} FROM n"
        );
        let insert = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(ROWS).bind(other.user.id);
        insert.execute(&store.writer_pool).await.unwrap();
    }
    let meter = Meter::on(&store).await;
    let found = store.personal_data(own, at(1)).await.unwrap().unwrap();
    assert_eq!((found.account.user.username.as_str(), found.sessions.len()), ("bob", 0));
    let steps = meter.take();
    assert!(steps <= 1000, "{steps} steps");
    let found = store.personal_data(other.user.id, at(1)).await.unwrap().unwrap();
    assert!(found.sessions.len() >= ROWS as usize && found.codes.len() >= ROWS as usize);
    assert!(meter.take() > u64::from(ROWS), "it counts");
}
