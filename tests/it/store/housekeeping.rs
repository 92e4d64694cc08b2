//! Leases, and the removal of what has ended.

use countersign::{
    domain::Session,
    store::{Deletion, Ended, Lease, LeaseTaken, Revoking},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, factors::enrolled, mailbox::new_code, new_challenge,
    new_message, revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

fn lease(holder: Uuid, now: u64, until: u64) -> Lease {
    Lease { name: "work", holder, now: at(now), expires_at: at(until) }
}

#[apply(on_both)]
#[tokio::test]
async fn a_lease_has_one_holder_who_may_renew_it_until_its_time_is_up(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let take = async |lease| store.lease_take(lease).await.unwrap() == LeaseTaken::Yes;
    assert!(take(lease(one, 0, 10)).await);
    assert!(!take(lease(other, 9, 19)).await);
    assert!(take(lease(one, 9, 20)).await, "renewed");
    assert!(!take(lease(other, 19, 29)).await);
    assert!(take(lease(other, 20, 30)).await, "its time was up");
    assert!(!take(lease(one, 21, 31)).await);
    assert!(take(Lease { name: "else", ..lease(one, 21, 31) }).await, "another lease");
    let many = (0..64).map(|_| store.lease_take(lease(Uuid::now_v7(), 30, 40)));
    let many = futures_util::future::join_all(many).await;
    assert_eq!(
        many.into_iter().filter(|taken| *taken.as_ref().unwrap() == LeaseTaken::Yes).count(),
        1
    );
}

/// By a clock that is ahead, somebody's lease is always long over: whoever takes it is told so.
#[apply(on_both)]
#[case::just_now(10, LeaseTaken::Yes)]
#[case::for_less_than_clocks_may_be_apart(129, LeaseTaken::Yes)]
#[case::for_as_long(130, LeaseTaken::LongOver)]
#[tokio::test]
async fn a_lease_that_was_long_over_is_taken_as_such_unless_it_is_ones_own(
    #[case] now: u64,
    #[case] taken: LeaseTaken,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(store.lease_take(lease(one, 0, 10)).await.unwrap(), LeaseTaken::Yes);
    assert_eq!(store.lease_take(lease(other, 9, 20)).await.unwrap(), LeaseTaken::No);
    assert_eq!(store.lease_take(lease(other, now, now + 10)).await.unwrap(), taken);
    assert_eq!(
        store.lease_take(lease(other, now + 900, now + 910)).await.unwrap(),
        LeaseTaken::Yes
    );
    let many = (0..64).map(|_| store.lease_take(lease(Uuid::now_v7(), now + 2000, now + 2010)));
    let many: Vec<_> = futures_util::future::join_all(many).await;
    let won = |taken| many.iter().filter(|one| *one.as_ref().unwrap() == taken).count();
    assert_eq!([won(LeaseTaken::Yes), won(LeaseTaken::LongOver)], [0, 1]);
}

/// A holder whose clock was ahead, and who does not come back.
#[apply(on_both)]
#[case::by_as_much_as_clocks_may_be_apart(120, false)]
#[case::by_more(121, true)]
#[case::by_a_year(31_536_000, true)]
#[tokio::test]
async fn a_lease_from_the_future_is_nobodys(
    #[case] ahead: u64,
    #[case] is_free: bool,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let is_taken = async |lease| store.lease_take(lease).await.unwrap() == LeaseTaken::Yes;
    assert!(is_taken(lease(one, ahead, ahead + 10)).await);
    assert_eq!(is_taken(lease(other, 0, 10)).await, is_free);
    assert_eq!(is_taken(lease(one, 1, 11)).await, !is_free);
}

#[apply(on_both)]
#[tokio::test]
async fn ended_challenges_are_removed_a_few_at_a_time(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    for _ in 0..5 {
        store.challenge_create(new_challenge(&user), Some(new_message())).await.unwrap();
    }
    let mut open = new_challenge(&user);
    open.challenge.expires_at = at(301);
    store.challenge_create(open, Some(new_message())).await.unwrap();
    let remove =
        async |before, most| store.ended_remove(Ended::Challenges, at(before), most).await.unwrap();
    assert_eq!(remove(300, 10).await, 0, "they end just then");
    assert_eq!([remove(301, 3).await, remove(301, 3).await, remove(301, 3).await], [3, 2, 0]);
    assert_eq!(database.number("SELECT COUNT(*) FROM challenges").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn sessions_are_removed_however_they_ended_and_revocations_when_they_expire(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    let session = |idle: u64, end: u64| Session {
        idle_expires_at: at(idle),
        expires_at: at(end),
        ..session_of(user)
    };
    let (idle, over, revoked, lives) =
        (session(100, 999), session(999, 100), session(999, 999), session(999, 999));
    for session in [&idle, &over, &revoked, &lives] {
        assert!(
            store
                .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                .await
                .unwrap()
                .is_some()
        );
    }
    let revoking = Revoking { tokens_expire_at: at(200), ..revoking(100) };
    assert!(store.session_revoke(revoked.id, user, revoking).await.unwrap());
    let remove = async |ended, before| store.ended_remove(ended, at(before), 10).await.unwrap();
    assert_eq!([remove(Ended::Sessions, 100).await, remove(Ended::Sessions, 101).await], [0, 3]);
    assert!(store.session_live(lives.id, at(101)).await.unwrap().is_some());
    let revocations =
        [remove(Ended::Revocations, 200).await, remove(Ended::Revocations, 201).await];
    assert_eq!(revocations, [0, 1]);
    assert_eq!(database.number("SELECT seq FROM revocation_head").await, 1, "numbers go on");
}

/// Row by row and never by the row of the user, which would take all that is left along at once.
#[apply(on_both)]
#[tokio::test]
async fn what_is_left_of_a_deleted_user_is_removed_a_few_at_a_time_and_their_row_last(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, _) = enrolled(store.as_ref()).await;
    let (other, _) = enrolled(store.as_ref()).await;
    let mut asking = Uuid::nil();
    for user in [&other, &user] {
        for _ in 0..3 {
            let session = session_of(user.user.id);
            asking = session.id;
            store.session_create(session, 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
            store.challenge_create(new_challenge(user), None).await.unwrap();
        }
    }
    let code = new_code(Some(&user));
    store.mailbox_code_create(code).await.unwrap();
    let at_10 = revoking(10);
    assert_eq!(
        store.user_delete(user.user.id, asking, 1, at_10, new_message()).await.unwrap(),
        Deletion::Done
    );
    let remove = async |ended| store.ended_remove(ended, at(11), 2).await.unwrap();
    assert_eq!(remove(Ended::DeletedUsers).await, 0, "there is something left");
    for (ended, batches) in [
        (Ended::DeletedSessions, [2, 1, 0]),
        (Ended::DeletedChallenges, [2, 1, 0]),
        (Ended::DeletedApps, [1, 0, 0]),
        (Ended::DeletedRecoveryCodes, [2, 0, 0]),
    ] {
        let removed = [remove(ended).await, remove(ended).await, remove(ended).await];
        assert_eq!(removed, batches, "{ended:?}");
    }
    assert_eq!(remove(Ended::DeletedUsers).await, 0, "a code for the mailbox has not expired");
    assert_eq!(store.ended_remove(Ended::MailboxCodes, at(301), 2).await.unwrap(), 1);
    assert_eq!([remove(Ended::DeletedUsers).await, remove(Ended::DeletedUsers).await], [1, 0]);
    for (table, left) in [
        ("users", 1),
        ("sessions", 3),
        ("challenges", 3),
        ("totp_factors", 1),
        ("recovery_codes", 2),
    ] {
        assert_eq!(
            database.number(&format!("SELECT COUNT(*) FROM {table}")).await,
            left,
            "{table}"
        );
    }
}
