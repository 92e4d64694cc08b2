//! Sessions.

use countersign::{
    domain::{AuthMethod, Revoked, Session},
    store::{Credentials, NumberedRevocation},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, revoking, session_of, stored_user};
use crate::harness::{Backend, Database, on_both};

#[apply(on_both)]
#[tokio::test]
async fn a_session_begins_only_with_current_credentials_of_an_enabled_user(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    assert!(
        store
            .session_create(session_of(user.user.id), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        store
            .session_create(session_of(user.user.id), 0, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .session_create(session_of(user.user.id), 2, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_none()
    );
    let unknown = session_of(Uuid::now_v7());
    assert!(
        store
            .session_create(unknown, 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_none()
    );
    database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(
        store
            .session_create(session_of(user.user.id), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        database.number("SELECT COUNT(*) FROM sessions WHERE credential_version = 1").await,
        1
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_lives_until_it_expires_is_not_used_or_its_user_changes(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    let live = store.session_live(session.id, at(499)).await.unwrap().unwrap();
    assert_eq!((&live.session, &live.credentials.user), (&session, &user.user));
    let lives =
        async |seconds| store.session_live(session.id, at(seconds)).await.unwrap().is_some();
    assert!(!lives(500).await, "not used for too long");
    database.run("UPDATE sessions SET idle_expires_at = expires_at").await;
    assert!(lives(999).await && !lives(1000).await, "expired");
    for (change, back) in [
        ("disabled_at = created_at", "disabled_at = NULL"),
        ("credential_version = 2", "credential_version = 1"),
        ("session_epoch = 1", "session_epoch = 0"),
    ] {
        database.run(&format!("UPDATE users SET {change}")).await;
        assert!(!lives(1).await, "{change}");
        database.run(&format!("UPDATE users SET {back}")).await;
        assert!(lives(1).await, "{back}");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_is_revoked_once_by_its_owner_and_the_revocation_is_numbered(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    let revoke = async |owner| store.session_revoke(session.id, owner, revoking(10)).await.unwrap();
    assert!(!revoke(Uuid::now_v7()).await, "somebody else's");
    assert!(store.session_live(session.id, at(11)).await.unwrap().is_some());
    assert!(revoke(user.user.id).await);
    assert!(store.session_live(session.id, at(11)).await.unwrap().is_none());
    assert!(!revoke(user.user.id).await, "again");
    assert_eq!(database.number("SELECT seq FROM revocations").await, 1);
    assert_eq!(database.number("SELECT seq FROM revocation_head").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_is_found_whatever_has_become_of_it_if_it_could_ever_be_refreshed(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    database.run("UPDATE users SET disabled_at = created_at, credential_version = 2").await;
    database.run("UPDATE sessions SET revoked_at = created_at").await;
    assert_eq!(store.session_find(session.id).await.unwrap(), Some(session.clone()));
    assert_eq!(store.session_find(Uuid::now_v7()).await.unwrap(), None);
    // As a replica of an earlier release leaves it.
    database.run("UPDATE sessions SET refresh_salt = NULL").await;
    assert_eq!(store.session_find(session.id).await.unwrap(), None);
}

#[apply(on_both)]
#[tokio::test]
async fn a_users_live_sessions_are_listed_the_one_used_last_first(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let used = |user: &Credentials, seconds| Session {
        last_used_at: at(seconds),
        ..session_of(user.user.id)
    };
    let idle = Session { idle_expires_at: at(50), ..used(&user, 9) };
    let expired = Session { expires_at: at(50), ..used(&user, 9) };
    let (first, second, revoked) = (used(&user, 8), used(&user, 7), used(&user, 9));
    for session in [&second, &idle, &expired, &first, &revoked, &used(&other, 9)] {
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap();
    }
    store.session_revoke(revoked.id, user.user.id, revoking(10)).await.unwrap();
    let listed = store.session_list(user.user.id, at(50), None, 100).await.unwrap();
    assert_eq!(listed, [first, second]);
    database.run("UPDATE users SET credential_version = 2").await;
    assert!(store.session_list(user.user.id, at(50), None, 100).await.unwrap().is_empty());
}

#[apply(on_both)]
#[tokio::test]
async fn all_sessions_of_a_user_but_one_end_with_one_revocation(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let sessions = [&user, &user, &user, &other].map(|user| session_of(user.user.id));
    let expired = Session { expires_at: at(9), ..session_of(user.user.id) };
    for session in sessions.iter().chain([&expired]) {
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap();
    }
    let revoke = async |seconds| {
        store.session_revoke_others(user.user.id, sessions[0].id, revoking(seconds)).await.unwrap()
    };
    assert_eq!(revoke(10).await, Some(2));
    assert_eq!(revoke(11).await, Some(0), "again");
    let mut live = Vec::new();
    for session in &sessions {
        live.push(store.session_live(session.id, at(11)).await.unwrap().is_some());
    }
    assert_eq!(live, [true, false, false, true]);
    assert_eq!(store.session_list(user.user.id, at(11), None, 100).await.unwrap().len(), 1);
    let told = store.revocations_after(0, at(11), 10).await.unwrap();
    let [NumberedRevocation { seq: 1, revocation }] = told[..] else { panic!("{told:?}") };
    let (user_id, kept) = (user.user.id, Some(sessions[0].id));
    assert_eq!(revocation.subject, Revoked::Earlier { user_id, epoch: 1, kept });
    assert_eq!((revocation.not_before, revocation.expires_at), (at(10), at(910)));
    // Nothing was written to what has ended.
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL").await, 5);
    let over = store.session_revoke(sessions[1].id, user.user.id, revoking(12)).await.unwrap();
    assert!(!over, "it had ended before");
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_has_the_epoch_in_which_it_begins_or_goes_on(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    let begin = async || {
        let begun =
            store.session_create(session_of(user), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await;
        begun.unwrap().unwrap()
    };
    let epoch_of = async |session: &Session| {
        let live = store.session_live(session.id, at(1)).await.unwrap();
        live.map(|live| live.session.epoch)
    };
    let (kept, ended) = (begin().await, begin().await);
    assert_eq!([kept.epoch, ended.epoch], [0, 0]);
    store.session_revoke_others(user, kept.id, revoking(1)).await.unwrap();
    assert_eq!([epoch_of(&kept).await, epoch_of(&ended).await], [Some(1), None]);
    let next = begin().await;
    assert_eq!((next.epoch, epoch_of(&next).await), (1, Some(1)));
    // A session that was ended is not brought back by naming it, and ends nothing.
    let refused = store.session_revoke_others(user, ended.id, revoking(1)).await.unwrap();
    assert_eq!(refused, None);
    assert_eq!(
        [epoch_of(&kept).await, epoch_of(&next).await, epoch_of(&ended).await],
        [Some(1), Some(1), None]
    );
}

#[apply(on_both)]
#[tokio::test]
async fn of_sessions_that_end_each_other_at_once_one_stays(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let begin = async |user| {
        let begun =
            store.session_create(session_of(user), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await;
        begun.unwrap().unwrap().id
    };
    for round in 0..20 {
        let user = stored_user(store.as_ref()).await.user.id;
        let (one, other) = (begin(user).await, begin(user).await);
        let won = if round % 2 == 0 {
            let (one, other) = tokio::join!(
                store.session_revoke_others(user, one, revoking(1)),
                store.session_revoke_others(user, other, revoking(1)),
            );
            [one.unwrap().is_some(), other.unwrap().is_some()]
        } else {
            let (one, other) = tokio::join!(
                store.session_revoke_for(other, user, one, revoking(1)),
                store.session_revoke_for(one, user, other, revoking(1)),
            );
            [one.unwrap(), other.unwrap()]
        };
        let mut live = Vec::new();
        for id in [one, other] {
            live.push(store.session_live(id, at(1)).await.unwrap().is_some());
        }
        assert_eq!(live, won);
        assert!(won[0] != won[1], "{won:?}");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_of_another_user_ends_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let [user, stranger] = [stored_user(store.as_ref()).await, stored_user(store.as_ref()).await]
        .map(|user| session_of(user.user.id));
    for session in [&user, &stranger] {
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap();
    }
    let (id, owner, asking) = (user.id, user.user_id, stranger.id);
    assert!(!store.session_revoke_for(id, owner, asking, revoking(1)).await.unwrap());
    assert_eq!(store.session_revoke_others(owner, asking, revoking(1)).await.unwrap(), None);
    assert!(store.session_live(id, at(1)).await.unwrap().is_some());
}

/// The clock of whoever ends a session may be behind that of whoever used it last.
#[apply(on_both)]
#[tokio::test]
async fn a_revocation_covers_tokens_that_another_clock_has_dated_later(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = Session { last_used_at: at(20), ..session_of(user.user.id) };
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    assert!(store.session_revoke(session.id, user.user.id, revoking(10)).await.unwrap());
    let covered = "SELECT COUNT(*) FROM revocations, sessions WHERE not_before = last_used_at";
    assert_eq!(database.number(covered).await, 1);
    // They expire later, too; and so do those of all sessions that end together.
    let (other, kept) = (Session { id: Uuid::now_v7(), ..session }, session_of(user.user.id));
    for session in [&other, &kept] {
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap();
    }
    store.session_revoke_others(user.user.id, kept.id, revoking(10)).await.unwrap();
    let told = store.revocations_after(0, at(0), 10).await.unwrap();
    let ends: Vec<_> = told.iter().map(|told| told.revocation.expires_at).collect();
    assert_eq!(ends, [at(920), at(920)]);
    assert_eq!(told[1].revocation.not_before, at(10), "good tokens must not wait for that");
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_by_the_password_alone_ends_when_its_user_has_a_second_factor(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    database.run("UPDATE users SET is_2fa_enabled = FALSE").await;
    let whole = session_of(user);
    let half = Session { methods: vec![AuthMethod::Password], ..session_of(user) };
    for session in [&whole, &half] {
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap();
    }
    let live = async || {
        let mut live = Vec::new();
        for session in [&whole, &half] {
            live.push(store.session_live(session.id, at(1)).await.unwrap().is_some());
        }
        (live, store.session_list(user, at(1), None, 100).await.unwrap().len())
    };
    assert_eq!(live().await, (vec![true, true], 2));
    database.run("UPDATE users SET is_2fa_enabled = TRUE").await;
    assert_eq!(live().await, (vec![true, false], 1));
}

#[apply(on_both)]
#[tokio::test]
async fn the_password_alone_begins_no_session_once_a_second_factor_is_on(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    assert!(user.user.is_2fa_enabled);
    let whole = session_of(user.user.id);
    let half = Session { methods: vec![AuthMethod::Password], ..session_of(user.user.id) };
    assert!(
        store
            .session_create(
                half.clone(),
                user.credential_version,
                NO_FAILURES,
                NO_LIMIT,
                KNOWN_DEVICE
            )
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .session_create(whole, user.credential_version, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_some()
    );
    database.run("UPDATE users SET is_2fa_enabled = FALSE").await;
    assert!(
        store
            .session_create(half, user.credential_version, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_some()
    );
}
