//! Trusted devices.

use countersign::{
    domain::{AuthMethod, MOST_TRUSTED_DEVICES, Session},
    store::{Credentials, LoginDevice, NewTrust, SparedBy, Spending, Store, TrustWindow},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_challenge, new_message, revoking, session_of,
    stored_user,
};
use crate::harness::{Backend, Database, on_both};

/// As long as a device is trusted.
const TTL: u64 = 1000;

fn within(seconds: u64) -> TrustWindow {
    let begun_after = at(seconds).minus(std::time::Duration::from_secs(TTL));
    TrustWindow { now: at(seconds), begun_after }
}

/// The user's device is trusted from then on. Returns the id of the trust, and the session.
async fn trust(
    store: &dyn Store,
    user: &Credentials,
    device_id: Uuid,
    seconds: u64,
) -> (Uuid, Session) {
    let new = new_challenge(user);
    assert!(store.challenge_create(new.clone(), None).await.unwrap());
    let (created_at, expires_at) = (at(seconds), at(seconds + 100_000));
    let session = Session { created_at, expires_at, ..session_of(user.user.id) };
    let session = Session { idle_expires_at: expires_at, ..session };
    let (id, notice) = (Uuid::now_v7(), new_message());
    let trust = NewTrust { id, device_id, expires_at: at(seconds + TTL), notice };
    let device = LoginDevice { trust: Some(Box::new(trust)), ..KNOWN_DEVICE };
    let begun = store
        .challenge_complete(
            new.challenge,
            session,
            Spending::SentCode,
            NO_FAILURES,
            NO_LIMIT,
            device,
        )
        .await;
    (id, begun.unwrap().unwrap())
}

/// Whether a session begins by the password and that trust.
async fn begins(store: &dyn Store, user: &Credentials, id: Uuid, seconds: u64) -> Option<Session> {
    let methods = vec![AuthMethod::Password];
    let session = Session { created_at: at(seconds), methods, ..session_of(user.user.id) };
    let spared_by = Some(SparedBy { id, within: within(seconds) });
    let device = LoginDevice { spared_by, ..KNOWN_DEVICE };
    let version = user.credential_version;
    store.session_create(session, version, NO_FAILURES, NO_LIMIT, device).await.unwrap()
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_begins_and_lives_by_a_trust_that_counts(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, device) = (stored_user(store.as_ref()).await, Uuid::now_v7());
    let (id, first) = trust(store.as_ref(), &user, device, 0).await;
    let find = async |seconds| {
        store.trusted_device_find(user.user.id, device, within(seconds)).await.unwrap()
    };
    assert_eq!(find(10).await, Some(id));
    let session = begins(store.as_ref(), &user, id, 10).await.unwrap();
    let live = store.session_live(session.id, at(20)).await.unwrap().unwrap();
    assert!(!live.may_change_the_account(), "it has not used the factor");
    // Its end ends no session, and begins none.
    assert!(store.trusted_device_revoke(id, user.user.id, first.id, revoking(20)).await.unwrap());
    assert_eq!(find(21).await, None);
    assert!(begins(store.as_ref(), &user, id, 21).await.is_none());
    assert!(store.session_live(session.id, at(21)).await.unwrap().is_some());
    for (kind, count) in [("device_trusted", 1), ("trusted_device_revoked", 1)] {
        let recorded = format!("SELECT COUNT(*) FROM events WHERE kind = '{kind}'");
        assert_eq!(database.number(&recorded).await, count, "{kind}");
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, 1, "the notice");
}

#[apply(on_both)]
#[tokio::test]
async fn it_counts_for_its_time_its_user_and_its_versions(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let device = Uuid::now_v7();
    let (id, _) = trust(store.as_ref(), &user, device, 100).await;
    let counts = async |who: &Credentials, seconds| {
        let found = store.trusted_device_find(who.user.id, device, within(seconds)).await.unwrap();
        let listed = store.trusted_device_list(who.user.id, within(seconds)).await.unwrap();
        let begun = begins(store.as_ref(), who, id, seconds).await;
        let all = [found.is_some(), !listed.is_empty(), begun.is_some()];
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        all[0]
    };
    assert!(counts(&user, 101).await && counts(&user, 99 + TTL).await);
    assert!(!counts(&other, 101).await, "another user");
    assert!(!counts(&user, 100 + TTL).await, "it is over");
    // Two minutes are believed.
    let (id_ahead, _) = trust(store.as_ref(), &other, device, 500).await;
    let ahead = store.trusted_device_find(other.user.id, device, within(379)).await.unwrap();
    assert_eq!(ahead, None, "a clock that was ahead");
    let ahead = store.trusted_device_find(other.user.id, device, within(380)).await.unwrap();
    assert_eq!(ahead, Some(id_ahead));
    for column in ["factor_version", "session_epoch"] {
        database.run(&format!("UPDATE users SET {column} = {column} + 1")).await;
        assert!(!counts(&user, 102).await, "{column}");
        database.run(&format!("UPDATE users SET {column} = {column} - 1")).await;
        assert!(counts(&user, 103).await, "{column}");
    }
    database.run("UPDATE users SET credential_version = credential_version + 1").await;
    let next = store.user_by_id(user.user.id).await.unwrap().unwrap();
    assert!(!counts(&next, 104).await, "the credentials");
    database.run("UPDATE users SET credential_version = credential_version - 1").await;
    database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(!counts(&user, 105).await, "disabled");
}

#[apply(on_both)]
#[tokio::test]
async fn an_account_has_twenty_and_the_oldest_goes(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let mut ids = Vec::new();
    for number in 0..=u64::from(MOST_TRUSTED_DEVICES) {
        ids.push(trust(store.as_ref(), &user, Uuid::now_v7(), 10 + number).await.0);
    }
    let listed = store.trusted_device_list(user.user.id, within(100)).await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|device| device.id).collect();
    ids.reverse();
    assert_eq!(listed, ids[..20]);
    // The new one stays, also where its clock is behind; and the same device is one.
    let (behind, device) =
        (trust(store.as_ref(), &user, Uuid::now_v7(), 1).await.0, Uuid::now_v7());
    assert!(begins(store.as_ref(), &user, behind, 100).await.is_some());
    for _ in 0..3 {
        trust(store.as_ref(), &user, device, 90).await;
    }
    let rows = "SELECT COUNT(*) FROM trusted_devices";
    assert_eq!(database.number(rows).await, 20);
    let same = store.trusted_device_list(user.user.id, within(100)).await.unwrap();
    assert_eq!(same.len(), 20);
}

#[apply(on_both)]
#[tokio::test]
async fn only_a_live_session_of_the_user_ends_it(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let (id, own) = trust(store.as_ref(), &user, Uuid::now_v7(), 0).await;
    let (_, stranger) = trust(store.as_ref(), &other, Uuid::now_v7(), 0).await;
    let end = async |who: &Credentials, asking: &Session| {
        store.trusted_device_revoke(id, who.user.id, asking.id, revoking(10)).await.unwrap()
    };
    assert!(!end(&user, &stranger).await, "the session is another user's");
    assert!(end(&other, &stranger).await, "nothing of theirs has that id");
    assert!(begins(store.as_ref(), &user, id, 11).await.is_some());
    assert!(end(&user, &own).await && end(&user, &own).await);
    assert!(begins(store.as_ref(), &user, id, 12).await.is_none());
    assert!(store.session_revoke(own.id, user.user.id, revoking(13)).await.unwrap());
    assert!(!end(&user, &own).await, "it has ended");
}

#[apply(on_both)]
#[tokio::test]
async fn the_janitor_removes_those_whose_time_is_over(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let (_, kept) = (
        trust(store.as_ref(), &user, Uuid::now_v7(), 0).await,
        trust(store.as_ref(), &user, Uuid::now_v7(), 10).await.0,
    );
    let ended = countersign::store::Ended::TrustedDevices;
    assert_eq!(store.ended_remove(ended, at(TTL + 5), 10).await.unwrap(), 1);
    let left = store.trusted_device_list(user.user.id, within(20)).await.unwrap();
    assert_eq!(left.iter().map(|device| device.id).collect::<Vec<_>>(), [kept]);
}
