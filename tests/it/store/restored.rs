//! After a restore: what was spent or ended since the back-up does not count again.

use countersign::{
    domain::{EventKind, Revoked},
    store::{
        Ended, EventFilter, NewAssertion, PendingDeletion, Places, Priority, Reservation,
        Restoration, Revoking, SealedMessage, Spending, SpentRecoveryCode, Store,
    },
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, deletions,
    factors::{confirmation, enrolled, new_totp},
    mailbox::new_code,
    new_challenge, new_message, revoking,
    service_accounts::stored,
    service_keys::digest,
    session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

/// The time of the restore, in seconds and microseconds.
const SECONDS: i64 = 1_800_000_100;
const MICROS: i64 = 1_800_000_100_123_456;

fn restoration(keep_recovery_codes: bool) -> Restoration {
    Restoration {
        at: Revoking { address: None, ..revoking(100) },
        spent_step: 20,
        deletions_wait_until: at(1000),
        keep_recovery_codes,
    }
}

/// All of it, two users at a time.
async fn put_right(store: &dyn Store, restoration: Restoration) {
    store.restored_begin(restoration.clone()).await.unwrap();
    let mut last = Uuid::nil();
    while let Some(next) = store.restored_end(last, restoration.clone(), 2).await.unwrap() {
        assert!(next > last);
        last = next;
    }
}

#[apply(on_both)]
#[tokio::test]
async fn all_sessions_end_and_those_who_watch_are_told_with_numbers_that_none_has_seen(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        let session = session_of(stored_user(store.as_ref()).await.user.id);
        let begun =
            store.session_create(session, 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
        sessions.push(begun.unwrap());
    }
    assert!(store.session_live(sessions[0].id, at(101)).await.unwrap().is_some());
    put_right(store.as_ref(), restoration(false)).await;
    for session in &sessions {
        assert!(store.session_live(session.id, at(101)).await.unwrap().is_none());
        let next = session_of(session.user_id);
        let next = store
            .session_create(next, 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(next.epoch, SECONDS, "beyond every epoch that grew by one at a time");
        assert!(store.session_live(next.id, at(101)).await.unwrap().is_some());
    }
    let told = store.revocations_after(0, at(101), 100).await.unwrap();
    assert_eq!(
        told.iter().map(|told| told.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5].map(|n| MICROS + n)
    );
    let mut users: Vec<_> = sessions.iter().map(|session| session.user_id).collect();
    users.sort_unstable();
    let subject = |user_id| Revoked::Earlier { user_id, epoch: SECONDS, kept: None };
    for (told, user_id) in told.iter().zip(users) {
        assert_eq!(told.revocation.subject, subject(user_id));
        assert_eq!(told.revocation.expires_at, at(1000));
    }
    let all = EventFilter {
        user_id: None,
        kind: Some(EventKind::DatabaseRestored),
        since: at(0),
        most: 9,
    };
    assert_eq!(store.events_list(all).await.unwrap().len(), 1);
    // Once more: the numbers go on.
    put_right(store.as_ref(), restoration(false)).await;
    assert_eq!(store.revocation_head().await.unwrap(), MICROS + 10);
}

#[apply(on_both)]
#[tokio::test]
async fn no_challenge_code_or_step_from_before_is_accepted(
    backend: Backend,
    #[values(false, true)] keep_recovery_codes: bool,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, app) = enrolled(store.as_ref()).await;
    let open = new_challenge(&user);
    assert!(store.challenge_create(open.clone(), None).await.unwrap());
    let mailed = new_code(Some(&user));
    store.mailbox_code_create(mailed.clone()).await.unwrap();
    let enrollment = new_totp(&user);
    assert!(store.totp_begin(enrollment.clone()).await.unwrap());

    put_right(store.as_ref(), restoration(keep_recovery_codes)).await;
    assert!(store.challenge_find(open.id_mac).await.unwrap().is_none());
    let reserved = store.mailbox_code_reserve(mailed.id_mac, 3, at(101)).await.unwrap();
    assert_eq!(reserved, Reservation::Invalid);
    assert!(!store.totp_confirm(confirmation(&enrollment, 30), new_message()).await.unwrap());
    let answers = async |spending| {
        let challenge = new_challenge(&user);
        assert!(store.challenge_create(challenge.clone(), None).await.unwrap());
        let session = session_of(user.user.id);
        let begun = store.challenge_complete(
            challenge.challenge,
            session,
            spending,
            NO_FAILURES,
            NO_LIMIT,
            KNOWN_DEVICE,
        );
        begun.await.unwrap().is_some()
    };
    let step = |step| Spending::Totp { id: app.id, step };
    assert!(!answers(step(20)).await, "it may have been used");
    assert!(answers(step(21)).await);
    let (notice, last_notice) = (new_message(), new_message());
    let code = SpentRecoveryCode { code_mac: [1; 32], notice, last_notice };
    let recovery = Spending::RecoveryCode(Box::new(code));
    assert_eq!(answers(recovery).await, keep_recovery_codes);
}

#[apply(on_both)]
#[tokio::test]
async fn codes_that_have_ended_are_not_sent_any_more_and_notices_are(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    for priority in Priority::ALL {
        let message = SealedMessage { priority, ..new_message() };
        assert!(store.challenge_create(new_challenge(&user), Some(message)).await.unwrap());
    }
    put_right(store.as_ref(), restoration(false)).await;
    let sent = store.outbox_claim(at(101), at(200), Places::any(9)).await.unwrap();
    let sent: Vec<_> = sent.iter().map(|message| message.priority).collect();
    assert_eq!(sent, [Priority::Notice]);
}

/// A revoked token would be active again, and the account's epochs would be used again.
#[apply(on_both)]
#[tokio::test]
async fn the_tokens_of_all_service_accounts_end(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut accounts = Vec::new();
    for _ in 0..3 {
        accounts.push(stored(store.as_ref()).await.id);
    }
    put_right(store.as_ref(), restoration(false)).await;
    let epoch = async |id| store.service_account_find(id).await.unwrap().unwrap().epoch;
    let told = store.revocations_after(MICROS, at(101), 100).await.unwrap();
    let mut ended = Vec::new();
    for told in &told {
        let Revoked::Service { id, epoch: first } = told.revocation.subject else {
            panic!("{told:?}")
        };
        assert_eq!((first, epoch(id).await), (SECONDS, SECONDS));
        assert_eq!(told.revocation.expires_at, at(1000));
        ended.push(id);
    }
    ended.sort_unstable();
    assert_eq!(ended, accounts);
    put_right(store.as_ref(), restoration(false)).await;
    assert_eq!(epoch(accounts[0]).await, SECONDS + 1, "once more");
}

/// The row that it was used is lost, if that was after the back-up.
#[apply(on_both)]
#[tokio::test]
async fn no_assertion_of_before_proves_a_service(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let used = async |issued_at| {
        let assertion = NewAssertion { digest: digest(), issued_at, expires_at: at(4000) };
        store.assertion_use(assertion).await.unwrap()
    };
    assert!(used(at(50)).await);
    put_right(store.as_ref(), restoration(false)).await;
    for (issued, is_new) in [(50, false), (100, false), (101, true)] {
        assert_eq!(used(at(issued)).await, is_new, "{issued}");
    }
    // By then all of them have expired.
    store.ended_remove(Ended::Assertions, at(100 + 7201), 100).await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM used_assertions").await, 0);
}

/// A deletion may have been undone since, and nobody knows yet that it is pending again.
#[apply(on_both)]
#[tokio::test]
async fn what_is_to_be_deleted_waits_for_some_time(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut ids = Vec::new();
    for (code_mac, due_at) in [(deletions::MAC, at(99)), ([1; 32], at(2000))] {
        let (user, change, pending) = deletions::asked(store.as_ref()).await;
        let pending = PendingDeletion { code_mac, due_at, ..pending };
        store.deletion_request(change, pending, new_message()).await.unwrap();
        ids.push(user.user.id);
    }
    let disabled = stored_user(store.as_ref()).await.user.id;
    assert!(store.user_disable(disabled, revoking(1)).await.unwrap());
    assert_eq!(store.deletion_find(deletions::MAC, at(100)).await.unwrap(), None);
    put_right(store.as_ref(), restoration(false)).await;
    let due = async |id| store.managed_users(&[id]).await.unwrap().remove(0).deletion_due_at;
    assert_eq!([due(ids[0]).await, due(ids[1]).await], [Some(at(1000)), Some(at(2000))]);
    assert_eq!(due(disabled).await, None);
    assert_eq!(store.deletion_find(deletions::MAC, at(999)).await.unwrap(), Some(ids[0]));
    let end = async |seconds| store.deletions_end(revoking(seconds), 9).await.unwrap();
    assert_eq!([end(999).await, end(1000).await, end(2000).await], [0, 1, 1]);
}
