//! Changes of addresses and of usernames, by users themselves.

use countersign::store::{
    Credentials, EmailChange, EmailUndoing, EmailUndone, Ended, FactorChange, MOST_UNDOABLE,
    NewAddress, NewMailboxCode, NewUndo, NewUsername, PendingDeletion, Store, UndoableChange,
    UsernameChanged,
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    ACTOR, ADDRESS, KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at,
    mailbox::{new_code, plain_user},
    new_challenge, new_message, revoking, session_of,
};
use crate::harness::{Backend, Database, on_both, unique};

fn digest() -> [u8; 32] {
    *Uuid::now_v7().as_bytes().repeat(2).first_chunk().unwrap()
}

fn another_address() -> NewAddress {
    let text = format!("{}@Example.net", unique("Moved"));
    NewAddress { key: text.to_lowercase(), text, claim_key: None }
}

/// A user with a session, and what they ask for: a change by a right code to that address.
struct Asked {
    session_id: Uuid,
    code: NewMailboxCode,
    change: EmailChange,
}

async fn asked(store: &dyn Store, user: &Credentials, email: NewAddress) -> Asked {
    let mut session = session_of(user.user.id);
    session.id = Uuid::now_v7();
    let version = user.credential_version;
    let begun =
        store.session_create(session, version, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    let session_id = begun.unwrap().id;
    let mut code = new_code(Some(user));
    code.code.new_email = Some(email.text.clone());
    store.mailbox_code_create(code.clone()).await.unwrap();
    let change = EmailChange {
        change: FactorChange {
            user_id: user.user.id,
            credential_version: version,
            session_id: Some(session_id),
            actor: ACTOR,
            address: Some(ADDRESS),
            now: at(10),
            carried_out: None,
        },
        code_id: code.code.id,
        email,
        undo: Some(NewUndo { id: Uuid::now_v7(), code_mac: digest(), expires_at: at(1000) }),
        tokens_expire_at: at(910),
    };
    Asked { session_id, code, change }
}

fn mac_of(change: &EmailChange) -> [u8; 32] {
    change.undo.as_ref().unwrap().code_mac
}

async fn as_it_is(store: &dyn Store, user: &Credentials) -> Credentials {
    store.user_by_id(user.user.id).await.unwrap().unwrap()
}

async fn undoing(store: &dyn Store, code_mac: [u8; 32]) -> EmailUndoing {
    let change = store.email_change_find(code_mac, at(20)).await.unwrap().unwrap();
    let found = store.user_by_id(change.user_id).await.unwrap().unwrap();
    EmailUndoing {
        code_mac,
        change,
        credential_version: found.credential_version,
        claim_key: None,
        at: revoking(20),
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_change_moves_the_address_once_keeps_sessions_and_voids_what_was_sent(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let Asked { session_id, code, change, .. } =
        asked(store.as_ref(), &user, another_address()).await;
    assert_eq!(
        store.mailbox_code_reserve(code.id_mac, 3, at(1)).await.unwrap(),
        countersign::store::Reservation::Reserved(code.code.clone()),
        "with its address"
    );
    let other = new_code(Some(&user));
    store.mailbox_code_create(other.clone()).await.unwrap();
    let challenge = new_challenge(&user);
    assert!(store.challenge_create(challenge.clone(), None).await.unwrap());
    assert!(store.email_change(change.clone(), vec![new_message(), new_message()]).await.unwrap());
    assert!(!store.email_change(change.clone(), vec![new_message()]).await.unwrap(), "again");

    let moved = as_it_is(store.as_ref(), &user).await;
    assert_eq!((moved.user.email, moved.user.email_verified), (change.email.text.clone(), true));
    assert_eq!(moved.credential_version, user.credential_version + 1);
    assert!(store.session_live(session_id, at(11)).await.unwrap().is_some());
    for id_mac in [code.id_mac, other.id_mac] {
        let reserved = store.mailbox_code_reserve(id_mac, 3, at(11)).await.unwrap();
        assert_eq!(reserved, countersign::store::Reservation::Invalid);
    }
    assert!(store.challenge_find(challenge.id_mac).await.unwrap().is_none());
    assert_eq!(
        store.email_change_find(mac_of(&change), at(999)).await.unwrap(),
        Some(UndoableChange {
            user_id: user.user.id,
            number: user.credential_version + 1,
            former_email: user.user.email.clone(),
            former_email_key: user.user.email.to_lowercase(),
            was_verified: false,
        })
    );
    assert_eq!(store.email_change_find(mac_of(&change), at(1000)).await.unwrap(), None, "expired");
    assert_eq!(store.email_change_find([9; 32], at(20)).await.unwrap(), None, "unknown");
    assert_eq!(
        database.number("SELECT COUNT(*) FROM events WHERE kind = 'email_changed'").await,
        1
    );
}

/// Each by one condition of its own.
#[apply(on_both)]
#[tokio::test]
async fn a_change_needs_its_code_its_credentials_and_its_session(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let Asked { change, .. } = asked(store.as_ref(), &user, another_address()).await;
    let other = plain_user(store.as_ref()).await;
    let theirs = asked(store.as_ref(), &other, another_address()).await;
    let with = |edit: fn(&mut EmailChange)| {
        let mut change = change.clone();
        edit(&mut change);
        change
    };
    let mut refused = vec![
        with(|change| change.code_id = Uuid::now_v7()),
        with(|change| change.change.credential_version += 1),
        with(|change| change.change.session_id = Some(Uuid::now_v7())),
        with(|change| change.change.now = at(500)),
    ];
    refused.push(EmailChange { code_id: theirs.code.code.id, ..change.clone() });
    let mut with_their_session = change.clone();
    with_their_session.change.session_id = Some(theirs.session_id);
    refused.push(with_their_session);
    for change in refused {
        assert!(!store.email_change(change, vec![new_message()]).await.unwrap());
    }
    assert_eq!(as_it_is(store.as_ref(), &user).await.user.email, user.user.email);
    assert_eq!(database.number("SELECT COUNT(*) FROM email_changes").await, 0);
    assert!(store.email_change(change, vec![new_message()]).await.unwrap());
}

#[apply(on_both)]
#[tokio::test]
async fn an_address_of_another_user_is_not_taken_from_them(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, owner) = (plain_user(store.as_ref()).await, plain_user(store.as_ref()).await);
    let theirs = NewAddress {
        text: owner.user.email.clone(),
        key: owner.user.email.to_lowercase(),
        claim_key: None,
    };
    // Without a claim, whoever has it; with one, who has verified it.
    let without = asked(store.as_ref(), &user, theirs.clone()).await;
    assert!(!store.email_change(without.change, vec![new_message()]).await.unwrap());
    database.run("UPDATE users SET email_verified = TRUE").await;
    let claim = NewAddress { claim_key: Some(unique("claim")), ..theirs.clone() };
    let with = asked(store.as_ref(), &user, claim.clone()).await;
    assert!(!store.email_change(with.change.clone(), vec![new_message()]).await.unwrap());
    assert_eq!(as_it_is(store.as_ref(), &owner).await.user.email, owner.user.email);
    let unchanged = as_it_is(store.as_ref(), &user).await;
    assert_eq!(unchanged.credential_version, user.credential_version);
    // Who only claims it ends.
    database.run("UPDATE users SET email_verified = FALSE").await;
    assert!(store.email_change(with.change, vec![new_message()]).await.unwrap());
    assert!(store.user_by_id(owner.user.id).await.unwrap().is_none());
    assert_eq!(as_it_is(store.as_ref(), &user).await.user.email, claim.text);
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 1, "the owner's");
}

#[apply(on_both)]
#[tokio::test]
async fn an_undoing_restores_ends_sessions_and_later_codes_and_leaves_earlier_ones(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let mut macs = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let now = as_it_is(store.as_ref(), &user).await;
        let next = asked(store.as_ref(), &now, another_address()).await;
        assert!(store.email_change(next.change.clone(), vec![]).await.unwrap());
        macs.push(mac_of(&next.change));
        last = Some(next);
    }
    let last = last.unwrap();
    let second = undoing(store.as_ref(), macs[1]).await;
    let stale = EmailUndoing { credential_version: 1, ..second.clone() };
    assert_eq!(store.email_change_undo(stale, vec![]).await.unwrap(), EmailUndone::Changed);
    let done = store.email_change_undo(second.clone(), vec![new_message()]).await.unwrap();
    assert_eq!(done, EmailUndone::Done);
    assert_eq!(
        store.email_change_undo(second.clone(), vec![]).await.unwrap(),
        EmailUndone::Changed
    );
    let found = as_it_is(store.as_ref(), &user).await;
    assert_eq!((found.user.email, found.user.email_verified), (second.change.former_email, true));
    assert_eq!(found.credential_version, second.credential_version + 1);
    assert!(store.session_live(last.session_id, at(21)).await.unwrap().is_none());
    assert_eq!(store.session_list(user.user.id, at(21), None, 9).await.unwrap(), []);
    let open: Vec<_> = [
        store.email_change_find(macs[0], at(21)).await.unwrap().is_some(),
        store.email_change_find(macs[1], at(21)).await.unwrap().is_some(),
        store.email_change_find(macs[2], at(21)).await.unwrap().is_some(),
    ]
    .into();
    assert_eq!(open, [true, false, false]);
    assert!(found.is_distrusted && !user.is_distrusted);
    let first = undoing(store.as_ref(), macs[0]).await;
    assert_eq!(store.email_change_undo(first, vec![]).await.unwrap(), EmailUndone::Done);
    let found = as_it_is(store.as_ref(), &user).await;
    assert_eq!((found.user.email, found.user.email_verified), (user.user.email, false));
}

#[apply(on_both)]
#[tokio::test]
async fn an_undoing_is_refused_while_another_user_has_the_address_or_the_account_is_disabled(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let moved = asked(store.as_ref(), &user, another_address()).await;
    assert!(store.email_change(moved.change.clone(), vec![]).await.unwrap());
    let undo = undoing(store.as_ref(), mac_of(&moved.change)).await;
    let other = plain_user(store.as_ref()).await;
    let former = NewAddress {
        text: user.user.email.clone(),
        key: user.user.email.to_lowercase(),
        claim_key: None,
    };
    let taker = asked(store.as_ref(), &other, former).await;
    assert!(store.email_change(taker.change.clone(), vec![]).await.unwrap());
    assert_eq!(store.email_change_undo(undo.clone(), vec![]).await.unwrap(), EmailUndone::Taken);
    assert!(store.session_live(moved.session_id, at(21)).await.unwrap().is_some());
    let back = undoing(store.as_ref(), mac_of(&taker.change)).await;
    assert_eq!(store.email_change_undo(back, vec![]).await.unwrap(), EmailUndone::Done);
    assert!(store.user_disable(user.user.id, revoking(21)).await.unwrap());
    assert_eq!(store.email_change_find(undo.code_mac, at(22)).await.unwrap(), None);
    assert!(store.user_enable(user.user.id, revoking(22)).await.unwrap());
    let again = undoing(store.as_ref(), undo.code_mac).await;
    assert_eq!(store.email_change_undo(again, vec![]).await.unwrap(), EmailUndone::Done);
}

#[apply(on_both)]
#[tokio::test]
async fn an_undoing_calls_a_pending_deletion_off_until_it_is_due(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let moved = asked(store.as_ref(), &user, another_address()).await;
    assert!(store.email_change(moved.change.clone(), vec![]).await.unwrap());
    let version = user.credential_version + 1;
    let deletes = FactorChange { credential_version: version, ..moved.change.change.clone() };
    let pending =
        PendingDeletion { code_mac: digest(), due_at: at(100), tokens_expire_at: at(910) };
    store.deletion_request(deletes, pending, new_message()).await.unwrap();
    let find = async |seconds| store.email_change_find(mac_of(&moved.change), at(seconds)).await;
    let found = [find(99).await.unwrap().is_some(), find(100).await.unwrap().is_some()];
    assert_eq!(found, [true, false]);
    let undo = undoing(store.as_ref(), mac_of(&moved.change)).await;
    assert_eq!(store.email_change_undo(undo, vec![]).await.unwrap(), EmailUndone::Done);
    let back = as_it_is(store.as_ref(), &user).await;
    assert_eq!((back.user.disabled_at, back.user.email), (None, user.user.email.clone()));
    assert_eq!(store.deletion_find(pending.code_mac, at(21)).await.unwrap(), None);
    assert_eq!(store.deletions_end(revoking(1000), 9).await.unwrap(), 0);
    let told = "SELECT COUNT(*) FROM events WHERE kind = 'deletion_undone'";
    assert_eq!(database.number(told).await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn so_many_can_be_undone_at_a_time_and_the_rows_go_when_they_expire(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    for number in 0..=MOST_UNDOABLE {
        let now = as_it_is(store.as_ref(), &user).await;
        let next = asked(store.as_ref(), &now, another_address()).await;
        let done = store.email_change(next.change.clone(), vec![]).await.unwrap();
        assert_eq!(done, number < MOST_UNDOABLE, "{number}");
        let undoable = store.email_changes_undoable(user.user.id, at(20)).await.unwrap();
        assert_eq!(undoable.len(), (number + 1).min(MOST_UNDOABLE));
        if !done {
            // One without a code leaves no row.
            let without = EmailChange { undo: None, ..next.change };
            assert!(store.email_change(without, vec![]).await.unwrap());
        }
    }
    assert_eq!(store.email_changes_undoable(user.user.id, at(1000)).await.unwrap(), []);
    let remove =
        async |before| store.ended_remove(Ended::EmailChanges, at(before), 9).await.unwrap();
    assert_eq!([remove(1000).await, remove(1001).await, remove(1001).await], [0, 9, 1]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_username_is_changed_by_a_session_that_may_and_is_one_user_s(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (plain_user(store.as_ref()).await, plain_user(store.as_ref()).await);
    let Asked { change: EmailChange { change, .. }, .. } =
        asked(store.as_ref(), &user, another_address()).await;
    let named = |text: &str| NewUsername { text: text.to_owned(), key: text.to_lowercase() };
    let set = async |change: &FactorChange, name: NewUsername| {
        store.username_change(change.clone(), name, new_message()).await.unwrap()
    };
    let taken = named(&other.user.username.to_uppercase());
    assert_eq!(set(&change, taken).await, UsernameChanged::Taken);
    let stale = FactorChange { credential_version: 9, ..change.clone() };
    let new = named(&unique("Renamed"));
    assert_eq!(set(&stale, new.clone()).await, UsernameChanged::Unauthorised);
    assert_eq!(as_it_is(store.as_ref(), &user).await.user.username, user.user.username);
    assert_eq!(set(&change, new.clone()).await, UsernameChanged::Done);
    let found = as_it_is(store.as_ref(), &user).await;
    assert_eq!(
        (found.user.username, found.credential_version),
        (new.text, user.credential_version)
    );
    assert_eq!(
        database.number("SELECT COUNT(*) FROM events WHERE kind = 'username_changed'").await,
        1
    );
}

#[apply(on_both)]
#[tokio::test]
async fn a_restore_ends_undo_codes_unless_none_was_used_since(
    backend: Backend,
    #[values(false, true)] keep: bool,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = plain_user(store.as_ref()).await;
    let moved = asked(store.as_ref(), &user, another_address()).await;
    assert!(store.email_change(moved.change.clone(), vec![]).await.unwrap());
    let restoration = countersign::store::Restoration {
        at: revoking(20),
        spent_step: 0,
        deletions_wait_until: at(1000),
        keep_recovery_codes: keep,
    };
    store.restored_begin(restoration.clone()).await.unwrap();
    store.restored_end(Uuid::nil(), restoration, 9).await.unwrap();
    let left = store.email_change_find(mac_of(&moved.change), at(21)).await.unwrap();
    assert_eq!(left.is_some(), keep);
}
