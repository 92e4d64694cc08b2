//! Codes for mailboxes.

use countersign::store::{
    Credentials, Ended, FactorChange, MailboxCode, MailboxProof, NewMailboxCode, NewUser,
    PasswordReset, Places, Reservation, SpentRecoveryCode, Store,
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    ACTOR, ADDRESS, KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_challenge, new_message, new_user,
    revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

const MAX: u32 = 3;

/// A code for that user, or for nobody, that works until 300.
pub(super) fn new_code(user: Option<&Credentials>) -> NewMailboxCode {
    NewMailboxCode {
        code: MailboxCode {
            id: Uuid::now_v7(),
            user_id: user.map(|user| user.user.id),
            is_pending: false,
            credential_version: user.map_or(0, |user| user.credential_version),
            budget: [7; 32],
            code_mac: [1; 32],
            created_at: at(0),
            expires_at: at(300),
            new_email: None,
            login: None,
        },
        id_mac: *Uuid::now_v7().as_bytes().repeat(2).first_chunk().unwrap(),
        message: new_message(),
        daily: None,
        recorded_as: None,
        actor: ACTOR,
        address: Some(ADDRESS),
        carried_out: None,
    }
}

/// A user whose login takes the password alone.
pub(super) async fn plain_user(store: &dyn Store) -> Credentials {
    let mut new = new_user();
    new.user.is_2fa_enabled = false;
    assert!(store.user_create(new.clone()).await.unwrap());
    store.user_by_id(new.user.id).await.unwrap().unwrap()
}

fn reset_of(code: &MailboxCode) -> PasswordReset {
    PasswordReset {
        user_id: code.user_id.unwrap(),
        credential_version: code.credential_version,
        code_id: code.id,
        recovery_code: None,
        password_hash: "other".into(),
        at: revoking(10),
    }
}

#[apply(on_both)]
#[tokio::test]
async fn attempts_are_spent_one_by_one_until_there_are_none_also_where_nobody_gets_the_code(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    for new in [new_code(Some(&user)), new_code(None)] {
        store.mailbox_code_create(new.clone()).await.unwrap();
        let reserve = |seconds| store.mailbox_code_reserve(new.id_mac, MAX, at(seconds));
        assert_eq!(reserve(300).await.unwrap(), Reservation::Invalid, "expired");
        for _ in 0..MAX {
            let expected = Reservation::Reserved(new.code.clone());
            assert_eq!(reserve(299).await.unwrap(), expected);
        }
        assert_eq!(reserve(299).await.unwrap(), Reservation::Exhausted);
        assert_eq!(reserve(300).await.unwrap(), Reservation::Invalid, "expired");
    }
    let unknown = store.mailbox_code_reserve([9; 32], MAX, at(0)).await.unwrap();
    assert_eq!(unknown, Reservation::Invalid);
    // The second is a decoy.
    assert_eq!(store.outbox_state(at(0)).await.unwrap().waiting, 2);
}

#[apply(on_both)]
#[tokio::test]
async fn a_code_and_its_message_are_there_both_or_neither(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let first = new_code(Some(&user));
    store.mailbox_code_create(first.clone()).await.unwrap();
    let same_message = NewMailboxCode { message: first.message, ..new_code(Some(&user)) };
    assert!(store.mailbox_code_create(same_message).await.is_err());
    assert_eq!(database.number("SELECT COUNT(*) FROM mailbox_codes").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn a_new_user_has_their_code_and_one_who_is_not_added_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut new = new_user();
    let mut verification = new_code(None);
    (verification.code.user_id, verification.message) = (Some(new.user.id), new_message());
    verification.code.credential_version = Credentials::FIRST_VERSION;
    new.verification = Some(verification);
    assert!(store.user_create(new.clone()).await.unwrap());
    let mut code = new_code(None);
    code.message = new_message();
    let rival = NewUser { email_key: new.email_key, verification: Some(code), ..new_user() };
    assert!(!store.user_create(rival).await.unwrap());
    assert_eq!(database.number("SELECT COUNT(*) FROM mailbox_codes").await, 1);
    assert_eq!(store.outbox_state(at(0)).await.unwrap().waiting, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn an_address_is_verified_by_a_code_of_its_user_once(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let new = new_code(Some(&user));
    store.mailbox_code_create(new.clone()).await.unwrap();
    let verify = |code_id, user: &Credentials| {
        store.email_verify(MailboxProof { code_id, user_id: user.user.id, at: revoking(1) })
    };
    assert!(!verify(new.code.id, &other).await.unwrap(), "somebody else's");
    assert!(!verify(Uuid::now_v7(), &user).await.unwrap(), "unknown");
    assert_eq!(database.number("SELECT COUNT(*) FROM users WHERE email_verified").await, 0);
    assert!(verify(new.code.id, &user).await.unwrap());
    assert!(!verify(new.code.id, &user).await.unwrap(), "again");
    assert!(store.user_by_id(user.user.id).await.unwrap().unwrap().user.email_verified);
    assert_eq!(database.number("SELECT COUNT(*) FROM users WHERE email_verified").await, 1);
    let reserved = store.mailbox_code_reserve(new.id_mac, MAX, at(1)).await.unwrap();
    assert_eq!(reserved, Reservation::Invalid, "used");
}

#[apply(on_both)]
#[tokio::test]
async fn a_disabled_user_verifies_nothing(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let new = new_code(Some(&user));
    store.mailbox_code_create(new.clone()).await.unwrap();
    database.run("UPDATE users SET disabled_at = created_at").await;
    let (code_id, user_id) = (new.code.id, user.user.id);
    let proof = MailboxProof { code_id, user_id, at: revoking(1) };
    assert!(!store.email_verify(proof).await.unwrap());
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'email_verified'";
    assert_eq!(database.number(recorded).await, 0);
}

#[apply(on_both)]
#[tokio::test]
async fn a_reset_ends_all_sessions_and_challenges_of_its_user_alone_and_uses_the_code_up(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, neighbour) = (plain_user(store.as_ref()).await, plain_user(store.as_ref()).await);
    let sessions = [&user, &user, &neighbour].map(|user| session_of(user.user.id));
    let challenges = [&user, &neighbour].map(new_challenge);
    for session in &sessions {
        assert!(
            store
                .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                .await
                .unwrap()
                .is_some()
        );
    }
    for challenge in &challenges {
        store.challenge_create(challenge.clone(), None).await.unwrap();
    }
    let (used, other) = (new_code(Some(&user)), new_code(Some(&user)));
    for new in [&used, &other] {
        store.mailbox_code_create(new.clone()).await.unwrap();
    }
    let message = new_message();
    assert!(store.password_reset(reset_of(&used.code), message.clone()).await.unwrap());
    for code in [&used.code, &other.code] {
        assert!(!store.password_reset(reset_of(code), new_message()).await.unwrap());
    }

    let changed = store.user_by_id(user.user.id).await.unwrap().unwrap();
    assert_eq!((changed.password_hash.as_str(), changed.credential_version), ("other", 2));
    assert!(changed.user.email_verified);
    let mut live = Vec::new();
    for session in &sessions {
        live.push(store.session_live(session.id, at(11)).await.unwrap().is_some());
    }
    assert_eq!(live, [false, false, true]);
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 1, "one for all");
    let mut open = Vec::new();
    for challenge in &challenges {
        let reserved = store.challenge_reserve(challenge.id_mac, 5, at(11)).await.unwrap();
        open.push(reserved != Reservation::Invalid);
    }
    assert_eq!(open, [false, true]);
    let reserved = |new: &NewMailboxCode| store.mailbox_code_reserve(new.id_mac, MAX, at(11));
    assert_eq!(reserved(&used).await.unwrap(), Reservation::Invalid);
    assert_ne!(reserved(&other).await.unwrap(), Reservation::Invalid, "it looks open");
    let messages = store.outbox_claim(at(11), at(71), Places::any(8)).await.unwrap();
    assert!(messages.iter().any(|claimed| claimed.id == message.id));
    let unchanged = store.user_by_id(neighbour.user.id).await.unwrap().unwrap();
    assert_eq!((unchanged.password_hash.as_str(), unchanged.credential_version), ("hash", 1));
    assert!(!unchanged.user.email_verified);
}

/// The second factor may have been turned on since somebody last looked.
#[apply(on_both)]
#[tokio::test]
async fn a_reset_without_another_factor_or_with_a_recovery_code_that_is_none_changes_nothing(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let change = FactorChange {
        user_id: user.user.id,
        credential_version: 1,
        session_id: None,
        actor: ACTOR,
        address: None,
        now: at(0),
        carried_out: None,
    };
    let recovery_codes = vec![[1; 32], [2; 32]];
    assert!(store.recovery_codes_replace(change, recovery_codes, new_message()).await.unwrap());
    let new = new_code(Some(&user));
    store.mailbox_code_create(new.clone()).await.unwrap();
    let reset = async |code: Option<u8>, credential_version| {
        let recovery_code = code.map(|code| SpentRecoveryCode {
            code_mac: [code; 32],
            notice: new_message(),
            last_notice: new_message(),
        });
        let reset = PasswordReset { recovery_code, credential_version, ..reset_of(&new.code) };
        store.password_reset(reset, new_message()).await.unwrap()
    };
    assert!(!reset(None, 1).await, "nothing beside the mailbox");
    assert!(!reset(Some(9), 1).await, "no such code");
    assert!(!reset(Some(1), 2).await, "other credentials");
    let found = store.user_by_id(user.user.id).await.unwrap().unwrap();
    assert_eq!((found.password_hash.as_str(), found.credential_version), ("hash", 1));
    assert_eq!(database.number("SELECT COUNT(*) FROM recovery_codes").await, 2);
    assert!(reset(Some(1), 1).await);
    assert_eq!(database.number("SELECT COUNT(*) FROM recovery_codes").await, 1);
    let recorded =
        "SELECT COUNT(*) FROM events WHERE kind IN ('recovery_code_used', 'password_reset')";
    assert_eq!(database.number(recorded).await, 2);
}

#[apply(on_both)]
#[case::changed_before("credential_version = 2")]
#[case::disabled("disabled_at = created_at")]
#[tokio::test]
async fn no_password_is_reset_for_credentials_that_no_longer_count(
    #[case] change: &str,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    store
        .session_create(session_of(user.user.id), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
        .await
        .unwrap();
    let new = new_code(Some(&user));
    store.mailbox_code_create(new.clone()).await.unwrap();
    database.run("DELETE FROM outbox").await;
    database.run(&format!("UPDATE users SET {change}")).await;
    assert!(!store.password_reset(reset_of(&new.code), new_message()).await.unwrap());
    let found = store.user_by_id(user.user.id).await.unwrap().unwrap();
    assert_eq!((found.password_hash.as_str(), found.user.email_verified), ("hash", false));
    for table in ["users WHERE session_epoch > 0", "revocations", "outbox"] {
        assert_eq!(database.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn of_two_resets_at_once_one_counts(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for _ in 0..20 {
        let user = plain_user(store.as_ref()).await;
        let (one, other) = (new_code(Some(&user)), new_code(Some(&user)));
        for new in [&one, &other] {
            store.mailbox_code_create(new.clone()).await.unwrap();
        }
        let (one, again, other) = tokio::join!(
            store.password_reset(reset_of(&one.code), new_message()),
            store.password_reset(reset_of(&one.code), new_message()),
            store.password_reset(reset_of(&other.code), new_message()),
        );
        let done = [one, again, other].map(Result::unwrap);
        assert_eq!(done.into_iter().filter(|done| *done).count(), 1);
    }
}

#[apply(on_both)]
#[tokio::test]
async fn expired_codes_are_removed_a_few_at_a_time(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for _ in 0..5 {
        store.mailbox_code_create(new_code(None)).await.unwrap();
    }
    let mut open = new_code(None);
    open.code.expires_at = at(301);
    store.mailbox_code_create(open).await.unwrap();
    let remove = async |before, most| {
        store.ended_remove(Ended::MailboxCodes, at(before), most).await.unwrap()
    };
    assert_eq!(remove(300, 10).await, 0, "they end just then");
    assert_eq!([remove(301, 3).await, remove(301, 3).await, remove(301, 3).await], [3, 2, 0]);
    assert_eq!(database.number("SELECT COUNT(*) FROM mailbox_codes").await, 1);
}

/// The account may have been disabled, or its password changed, since somebody last looked: then nobody gets the code.
#[apply(on_both)]
#[case::disabled("disabled_at = created_at")]
#[case::new_credentials("credential_version = 2")]
#[tokio::test]
async fn a_code_for_a_user_who_has_changed_since_is_nobodys(
    #[case] change: &str,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let recorded_as = Some(countersign::domain::EventKind::ResetRequested);
    let new = NewMailboxCode { recorded_as, ..new_code(Some(&user)) };
    database.run(&format!("UPDATE users SET {change}")).await;
    store.mailbox_code_create(new.clone()).await.unwrap();
    let reserved = store.mailbox_code_reserve(new.id_mac, MAX, at(0)).await.unwrap();
    let Reservation::Reserved(code) = reserved else { panic!("it must look like any") };
    assert_eq!(code.user_id, None);
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, 0);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'reset_requested' AND user_id IS NULL";
    assert_eq!(database.number(recorded).await, 1);
}
