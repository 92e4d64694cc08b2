//! A challenge's end: the challenge, the proof and the session, all together or none of them.

use countersign::{
    domain::Challenge,
    store::{Credentials, Places, SealedMessage, Spending, SpentRecoveryCode, Store},
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, factors::enrolled, new_challenge, new_message,
    session_of,
};
use crate::harness::{Backend, Database, on_both};

async fn challenge(store: &dyn Store, user: &Credentials) -> Challenge {
    let new = new_challenge(user);
    store.challenge_create(new.clone(), None).await.unwrap();
    new.challenge
}

async fn complete(store: &dyn Store, challenge: &Challenge, spending: &Spending) -> bool {
    let session = session_of(challenge.user_id);
    store
        .challenge_complete(
            challenge.clone(),
            session,
            spending.clone(),
            NO_FAILURES,
            NO_LIMIT,
            KNOWN_DEVICE,
        )
        .await
        .unwrap()
        .is_some()
}

fn recovery(code: u8) -> (Spending, [SealedMessage; 2]) {
    let (notice, last_notice) = (new_message(), new_message());
    let messages = [notice.clone(), last_notice.clone()];
    let code = SpentRecoveryCode { code_mac: [code; 32], notice, last_notice };
    (Spending::RecoveryCode(Box::new(code)), messages)
}

#[apply(on_both)]
#[tokio::test]
async fn a_step_is_used_up_with_all_before_it(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, app) = enrolled(store.as_ref()).await;
    let (_, others) = enrolled(store.as_ref()).await;
    let step = |step| Spending::Totp { id: app.id, step };
    let one = challenge(store.as_ref(), &user).await;
    for used in [7, 6] {
        assert!(!complete(store.as_ref(), &one, &step(used)).await, "{used}");
    }
    let not_theirs = Spending::Totp { id: others.id, step: 9 };
    assert!(!complete(store.as_ref(), &one, &not_theirs).await);
    assert!(complete(store.as_ref(), &one, &step(8)).await, "the challenge was not used up");
    let other = challenge(store.as_ref(), &user).await;
    assert!(!complete(store.as_ref(), &other, &step(8)).await);
    assert!(!complete(store.as_ref(), &one, &step(9)).await, "answered");
    assert!(complete(store.as_ref(), &other, &step(9)).await, "the step was not used up");
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 2);
}

#[apply(on_both)]
#[tokio::test]
async fn a_recovery_code_is_used_up_once_and_the_user_told_of_it_and_of_the_last(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, _) = enrolled(store.as_ref()).await;
    let claimed = async || {
        let claimed = store.outbox_claim(at(10), at(9000), Places::any(100)).await.unwrap();
        claimed.into_iter().map(|message| message.id).collect::<Vec<_>>()
    };
    claimed().await;
    let one = challenge(store.as_ref(), &user).await;
    assert!(!complete(store.as_ref(), &one, &recovery(9).0).await, "nobody's");
    let (first, [told, _]) = recovery(1);
    assert!(complete(store.as_ref(), &one, &first).await);
    assert_eq!(claimed().await, [told.id]);
    let other = challenge(store.as_ref(), &user).await;
    assert!(!complete(store.as_ref(), &other, &recovery(1).0).await, "used");
    assert!(!complete(store.as_ref(), &one, &recovery(2).0).await, "answered");
    let (last, [_, told]) = recovery(2);
    assert!(complete(store.as_ref(), &other, &last).await, "it was not used up");
    assert_eq!(claimed().await, [told.id]);
    assert!(!store.factors_of(user.user.id).await.unwrap().has_recovery_codes);
}

#[apply(on_both)]
#[case::disabled("disabled_at = created_at", "disabled_at = NULL")]
#[case::new_credentials("credential_version = 2", "credential_version = 1")]
#[tokio::test]
async fn what_begins_no_session_uses_nothing_up(
    #[case] change: &str,
    #[case] back: &str,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, app) = enrolled(store.as_ref()).await;
    let waiting = store.outbox_state(at(0)).await.unwrap().waiting;
    for spending in [Spending::Totp { id: app.id, step: 8 }, recovery(1).0] {
        let challenge = challenge(store.as_ref(), &user).await;
        database.run(&format!("UPDATE users SET {change}")).await;
        assert!(!complete(store.as_ref(), &challenge, &spending).await);
        assert_eq!(store.outbox_state(at(0)).await.unwrap().waiting, waiting);
        database.run(&format!("UPDATE users SET {back}")).await;
        assert!(complete(store.as_ref(), &challenge, &spending).await);
    }
}

/// Whoever began the challenge: one mailbox is not two factors.
#[apply(on_both)]
#[tokio::test]
async fn a_code_that_was_sent_completes_nothing_for_a_user_with_an_app(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, _) = enrolled(store.as_ref()).await;
    let challenge = challenge(store.as_ref(), &user).await;
    assert!(!complete(store.as_ref(), &challenge, &Spending::SentCode).await);
    database.run("DELETE FROM totp_factors").await;
    assert!(complete(store.as_ref(), &challenge, &Spending::SentCode).await);
}

/// Phone and server were ahead together.
#[apply(on_both)]
#[tokio::test]
async fn a_step_that_no_right_clock_has_used_yet_bars_no_code(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, app) = enrolled(store.as_ref()).await;
    let spending = Spending::Totp { id: app.id, step: 8 };
    // Clocks may be two minutes apart, and an app a step off, either way.
    for (last_step, is_accepted) in [(8, false), (14, false), (15, true), (1_051_208, true)] {
        database.run(&format!("UPDATE totp_factors SET last_step = {last_step}")).await;
        let challenge = challenge(store.as_ref(), &user).await;
        let completed = complete(store.as_ref(), &challenge, &spending).await;
        assert_eq!(completed, is_accepted, "{last_step}");
        assert!(!complete(store.as_ref(), &challenge, &spending).await, "{last_step}: once");
    }
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_challenges_one_is_completed_with_a_step_or_a_code(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, app) = enrolled(store.as_ref()).await;
    for spending in [Spending::Totp { id: app.id, step: 8 }, recovery(1).0] {
        let mut challenges = Vec::new();
        for _ in 0..32 {
            challenges.push(challenge(store.as_ref(), &user).await);
        }
        let all = challenges.iter().map(|challenge| complete(store.as_ref(), challenge, &spending));
        let completed = futures_util::future::join_all(all).await;
        assert_eq!(completed.into_iter().filter(|done| *done).count(), 1, "{spending:?}");
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 2);
    let used = "SELECT COUNT(*) FROM challenges WHERE consumed_at IS NOT NULL";
    assert_eq!(database.number(used).await, 2);
}

/// Whoever has typed a code that was sent reads the mailbox; an app shows nothing of that.
#[apply(on_both)]
#[tokio::test]
async fn a_code_that_was_sent_shows_that_the_address_is_the_users(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, app) = enrolled(store.as_ref()).await;
    let verified = async || {
        let events = "SELECT COUNT(*) FROM events WHERE kind = 'email_verified'";
        let users = "SELECT COUNT(*) FROM users WHERE email_verified";
        [database.number(users).await, database.number(events).await]
    };
    let by_app = challenge(store.as_ref(), &user).await;
    let step = Spending::Totp { id: app.id, step: 8 };
    assert!(complete(store.as_ref(), &by_app, &step).await);
    assert_eq!(verified().await, [0, 0]);
    database.run("DELETE FROM totp_factors").await;
    for _ in 0..2 {
        let challenge = challenge(store.as_ref(), &user).await;
        assert!(complete(store.as_ref(), &challenge, &Spending::SentCode).await);
        assert!(!complete(store.as_ref(), &challenge, &Spending::SentCode).await);
        assert_eq!(verified().await, [1, 1]);
    }
}
