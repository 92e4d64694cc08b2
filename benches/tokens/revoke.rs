//! Sessions that are revoked as fast as the store can.

use std::time::{Duration, Instant, SystemTime};

use countersign::{
    domain::{Actor, AuthMethod, Session, Timestamp, User},
    store::{LoginDevice, NewUser, Revoking, SessionLimit, Settled, Store},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

const SESSIONS: usize = 2000;

/// A throttle that counts nothing.
const NO_FAILURES: Settled = Settled { forget: Vec::new(), give_back: Vec::new() };

/// How many are under way at a time.
const AT_A_TIME: usize = 32;

/// Revocations a second: each a transaction of its own, and all in one order.
pub(crate) async fn rate(store: &dyn Store) -> anyhow::Result<f64> {
    store.migrate().await?;
    let now = Timestamp::from(SystemTime::now());
    revoke(store, new_user(store, now).await?, now).await
}

/// Makes so many live revocations, a few at a time.
pub(crate) async fn fill(store: &dyn Store, count: usize) -> anyhow::Result<()> {
    let now = Timestamp::from(SystemTime::now());
    let user = new_user(store, now).await?;
    for _ in 0..count.div_ceil(SESSIONS) {
        revoke(store, user, now).await?;
    }
    Ok(())
}

async fn new_user(store: &dyn Store, now: Timestamp) -> anyhow::Result<Uuid> {
    let user = user(now);
    let id = user.user.id;
    store.user_create(user).await?;
    Ok(id)
}

/// Makes sessions and revokes them: how many a second.
async fn revoke(store: &dyn Store, id: Uuid, now: Timestamp) -> anyhow::Result<f64> {
    let sessions: Vec<_> = (0..SESSIONS).map(|_| session(id, now)).collect();
    let limit = SessionLimit { most: u32::MAX, tokens_expire_at: now };
    stream::iter(sessions.clone())
        .map(|session| store.session_create(session, 1, NO_FAILURES, limit, LoginDevice::KNOWN))
        .buffer_unordered(AT_A_TIME)
        .try_collect::<Vec<_>>()
        .await?;
    let tokens_expire_at = now.plus(Duration::from_secs(900));
    let at =
        Revoking { now, tokens_expire_at, actor: Actor::Nobody, address: None, carried_out: None };
    let begun = Instant::now();
    let revoked: Vec<_> = stream::iter(sessions)
        .map(|session| store.session_revoke(session.id, id, at.clone()))
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await?;
    anyhow::ensure!(revoked.into_iter().all(|revoked| revoked), "a session was not there");
    Ok(SESSIONS as f64 / begun.elapsed().as_secs_f64())
}

fn user(created_at: Timestamp) -> NewUser {
    NewUser {
        user: User::new(Uuid::now_v7(), "alice".into(), "alice@example.com".into(), created_at),
        username_key: "alice".into(),
        email_key: "alice@example.com".into(),
        claim_key: None,
        verify_by: None,
        password_hash: String::new(),
        request_id: None,
        verification: None,
        actor: Actor::Nobody,
        address: None,
    }
}

fn session(user_id: Uuid, now: Timestamp) -> Session {
    let end = now.plus(Duration::from_secs(3600));
    Session {
        id: Uuid::now_v7(),
        user_id,
        audience: "countersign".into(),
        device_name: String::new(),
        methods: vec![AuthMethod::Password],
        created_at: now,
        reauthenticated_at: None,
        expires_at: end,
        last_used_at: now,
        address: None,
        idle_expires_at: end,
        token_number: 0,
        refresh_salt: [7; 16],
        epoch: 0,
    }
}
