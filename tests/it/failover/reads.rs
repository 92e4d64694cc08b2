//! Reads whose server vanishes in the middle of them.

use std::{sync::Arc, time::Duration};

use countersign::{
    domain::{Actor, ThrottleRule, Timestamp},
    store::{self, Charge, Error, FactorChange, Result, Store},
};
use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use sqlx::Executor as _;
use tokio::time::timeout;
use uuid::Uuid;

use crate::harness::{
    cluster::Cluster,
    eventually,
    forwarder::{Fate, Forwarder},
};

/// A second until somebody looks where the server is, and some more on a busy machine.
const NOTICED_AFTER: Duration = Duration::from_secs(6);

/// One read of each table that calls wait for, with those that have more than one statement, or come before a write.
fn reads(store: &dyn Store) -> Vec<(&'static str, BoxFuture<'_, Result<()>>)> {
    let now = Timestamp::from_unix_micros(0);
    let charges = vec![Charge { key: [1; 32], rule: ThrottleRule::Passwords }];
    let change = FactorChange {
        user_id: Uuid::nil(),
        credential_version: 1,
        session_id: None,
        actor: Actor::Nobody,
        address: None,
        now,
        carried_out: None,
    };
    let done = |result: Result<bool>| result.map(drop);
    vec![
        ("user_by_id", store.user_by_id(Uuid::nil()).map(|read| read.map(drop)).boxed()),
        ("session_live", store.session_live(Uuid::nil(), now).map(|read| read.map(drop)).boxed()),
        ("challenge_find", store.challenge_find([1; 32]).map(|read| read.map(drop)).boxed()),
        ("throttle_look", store.throttle_admits(charges.clone(), now).map(done).boxed()),
        ("throttle_look", store.throttle_charge(charges, now).map(|read| read.map(drop)).boxed()),
        (
            "mailbox_code_is_open",
            store.mailbox_code_reserve([1; 32], 1, now).map(|read| read.map(drop)).boxed(),
        ),
        (
            "totp_open_attempts",
            store.totp_reserve(Uuid::nil(), change, 1).map(|read| read.map(drop)).boxed(),
        ),
    ]
}

const TABLES: &str = "users, sessions, challenges, throttles, mailbox_codes, totp_factors";

/// Whatever a call was reading when its server vanished, it learns of that soon, and not when TCP gives up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_whose_server_says_nothing_more_ends_soon_after_another_one_is_there() {
    let cluster = Cluster::new();
    cluster.run("primary a").await;
    cluster.run("primary b").await;
    let forwarder = Forwarder::to(&cluster.socket("a")).await;
    let store: Arc<dyn Store> = store::connect(&forwarder.url(), 10).await.unwrap();
    store.migrate().await.unwrap();
    // None of them is answered: each is in the middle of its statement when the node goes.
    let mut held = cluster.connect("a").await;
    let lock = format!("BEGIN; LOCK TABLE {TABLES} IN ACCESS EXCLUSIVE MODE");
    held.execute(sqlx::AssertSqlSafe(lock)).await.unwrap();
    let asking = tokio::spawn(async move {
        let (names, reads): (Vec<_>, Vec<_>) = reads(store.as_ref()).into_iter().unzip();
        let results = join_all(reads.into_iter().map(|read| timeout(NOTICED_AFTER, read))).await;
        names.into_iter().zip(results).collect::<Vec<_>>()
    });
    eventually("reads that wait", async || {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE application_name = 'countersign' AND wait_event_type = 'Lock'";
        cluster.number("a", waiting).await == 7
    })
    .await;
    forwarder.switch(Some(&cluster.socket("b")), Fate::Silent);
    for (name, result) in asking.await.unwrap() {
        let error = result.unwrap_or_else(|_| panic!("{name} still waits")).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{name}: {error:?}");
        assert_eq!(error.operation(), Some(name));
    }
}
