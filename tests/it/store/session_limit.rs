//! How many sessions a user may have.

use countersign::{
    domain::{Revoked, Session},
    store::SessionLimit,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, session_of, stored_user};
use crate::harness::{Backend, Database, on_both};

#[apply(on_both)]
#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_oldest_and_never_itself(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let limit = SessionLimit { most: 3, tokens_expire_at: at(900) };
    let mut begun = Vec::new();
    // The last is dated by a clock that is behind.
    for seconds in [1, 2, 3, 4, 5, 0] {
        let session = Session { created_at: at(seconds), ..session_of(user.user.id) };
        let created =
            store.session_create(session, 1, NO_FAILURES, limit, KNOWN_DEVICE).await.unwrap();
        begun.push(created.unwrap().id);
        let others = session_of(other.user.id);
        assert!(
            store
                .session_create(others, 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                .await
                .unwrap()
                .is_some()
        );
    }
    let lives = async |id| store.session_live(id, at(6)).await.unwrap().is_some();
    let mut live = Vec::new();
    for id in &begun {
        live.push(lives(*id).await);
    }
    assert_eq!(live, [false, false, false, true, true, true]);
    assert_eq!(store.session_list(other.user.id, at(6), None, 100).await.unwrap().len(), 6);
    let told = store.revocations_after(0, at(6), 10).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|told| told.revocation.subject).collect();
    let oldest: Vec<_> = begun[..3].iter().map(|id| Revoked::Session(*id)).collect();
    assert_eq!(told, oldest);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'session_revoked'";
    assert_eq!(database.number(recorded).await, 3);
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_logins_at_once_leave_no_more_sessions_than_the_limit(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    let limit = SessionLimit { most: 5, tokens_expire_at: at(900) };
    let logins = (0..64)
        .map(|_| store.session_create(session_of(user), 1, NO_FAILURES, limit, KNOWN_DEVICE));
    let begun = futures_util::future::join_all(logins).await;
    assert!(begun.into_iter().all(|begun| begun.unwrap().is_some()));
    assert_eq!(store.session_list(user, at(1), None, 100).await.unwrap().len(), 5);
}
