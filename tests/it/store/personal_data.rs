//! What is stored about one user, for them.

use rstest::rstest;
use rstest_reuse::apply;

use super::{NO_FAILURES, NO_LIMIT, at, new_challenge, revoking, session_of, stored_user};
use crate::harness::{Backend, Database, on_both};

#[apply(on_both)]
#[tokio::test]
async fn what_is_stored_of_a_user_is_theirs_alone(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    for user in [&user, &other] {
        store.challenge_create(new_challenge(user), None).await.unwrap();
    }
    let live = session_of(user.user.id);
    let ended = session_of(user.user.id);
    for session in [live.clone(), ended.clone(), session_of(other.user.id)] {
        let begun = store.session_create(
            session,
            user.credential_version,
            NO_FAILURES,
            NO_LIMIT,
            super::KNOWN_DEVICE,
        );
        assert!(begun.await.unwrap().is_some());
    }
    assert!(store.session_revoke(ended.id, user.user.id, revoking(5)).await.unwrap());
    let found = store.personal_data(user.user.id, at(6)).await.unwrap().unwrap();
    assert_eq!(found.account.user, user.user);
    let mut sessions: Vec<_> = found
        .sessions
        .iter()
        .map(|stored| (stored.session.id, stored.is_live, stored.revoked_at))
        .collect();
    sessions.sort();
    let mut expected = vec![(live.id, true, None), (ended.id, false, Some(at(5)))];
    expected.sort();
    assert_eq!(sessions, expected);
    assert_eq!(found.logins.len(), 1);
    assert_eq!(found.logins[0].user_id, user.user.id);
    // By the time of the question: idle since 500.
    let later = store.personal_data(user.user.id, at(501)).await.unwrap().unwrap();
    assert!(later.sessions.iter().all(|stored| !stored.is_live));
    assert!(store.personal_data(uuid::Uuid::now_v7(), at(6)).await.unwrap().is_none());
}
