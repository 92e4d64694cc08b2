//! Pending users.

use countersign::{
    domain::{Email, EventKind, User},
    store::{
        Completed, Credentials, Ended, MailboxCode, NewMailboxCode, NewUser, Reservation, Store,
    },
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{at, mailbox::new_code, new_user, revoking};
use crate::{
    events::events,
    harness::{Backend, Database, on_both},
};

/// A pending user until 500, and the code that makes a user of them.
async fn pending(store: &dyn Store, new: NewUser) -> (NewUser, NewMailboxCode) {
    let code = new_code(None);
    let of_pending =
        MailboxCode { user_id: Some(new.user.id), is_pending: true, ..code.code.clone() };
    let code = NewMailboxCode { code: of_pending, ..code };
    let verify_by = Some(at(500));
    let new = NewUser { verify_by, verification: Some(code.clone()), ..new };
    assert!(store.pending_user_create(new.clone()).await.unwrap());
    (new, code)
}

/// What the service makes of a pending user.
fn completed(new: &NewUser) -> NewUser {
    let email = Email::parse(&new.user.email).unwrap();
    NewUser {
        claim_key: Some(email.claim_key(new.user.id)),
        verify_by: None,
        request_id: None,
        verification: None,
        ..new.clone()
    }
}

async fn complete(store: &dyn Store, new: &NewUser, code: &NewMailboxCode) -> Completed {
    store.pending_user_complete(code.code.id, completed(new), revoking(10)).await.unwrap()
}

/// Another registration with the same name and address.
fn rival_of(new: &NewUser) -> NewUser {
    let rival = new_user();
    NewUser {
        user: User { id: rival.user.id, ..new.user.clone() },
        request_id: rival.request_id,
        ..new.clone()
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_pending_user_is_found_until_they_expire_and_is_no_user(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (new, code) = pending(store.as_ref(), new_user()).await;
    let (id, request_id) = (new.user.id, new.request_id.unwrap());
    for found in [
        store.pending_user_by_id(id, at(499)).await.unwrap().unwrap(),
        store.pending_user_by_request(request_id, at(499)).await.unwrap().unwrap(),
    ] {
        let Credentials { user, password_hash, credential_version, is_distrusted } = found;
        assert_eq!(
            (user.username, user.email),
            (new.user.username.clone(), new.user.email.clone())
        );
        assert_eq!((user.id, user.is_2fa_enabled, user.created_at), (id, true, at(0)));
        assert_eq!((&*password_hash, credential_version), ("hash", Credentials::FIRST_VERSION));
        assert!(!is_distrusted);
    }
    assert!(store.pending_user_by_id(id, at(500)).await.unwrap().is_none());
    assert!(store.pending_user_by_request(request_id, at(500)).await.unwrap().is_none());
    assert!(store.user_by_id(id).await.unwrap().is_none());
    let taken = store.user_taken(&new.username_key, &new.email_key, new.request_id).await.unwrap();
    assert!(taken.is_none(), "{taken:?}");
    let reserved = store.mailbox_code_reserve(code.id_mac, 3, at(1)).await.unwrap();
    assert_eq!(reserved, Reservation::Reserved(code.code));
    assert_eq!(store.ended_remove(Ended::PendingUsers, at(500), 10).await.unwrap(), 0);
    assert_eq!(store.ended_remove(Ended::PendingUsers, at(501), 10).await.unwrap(), 1);
}

/// Nor does anything tell that others wait for the same name or address.
#[apply(on_both)]
#[tokio::test]
async fn one_request_adds_one_pending_user_and_any_other_adds_another(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (new, _) = pending(store.as_ref(), new_user()).await;
    let again = NewUser { request_id: new.request_id, ..rival_of(&new) };
    let again = NewUser { verification: Some(new_code(None)), ..again };
    assert!(!store.pending_user_create(again).await.unwrap());
    assert_eq!(database.number("SELECT COUNT(*) FROM mailbox_codes").await, 1);
    pending(store.as_ref(), rival_of(&new)).await;
    assert_eq!(database.number("SELECT COUNT(*) FROM pending_users").await, 2);
}

/// The row of the first one is left until the janitor comes.
#[apply(on_both)]
#[tokio::test]
async fn a_request_that_is_sent_again_after_its_time_adds_another(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (new, _) = pending(store.as_ref(), new_user()).await;
    for (created, is_added) in [(at(499), false), (at(500), true)] {
        let rival = rival_of(&new);
        let user = User { created_at: created, ..rival.user };
        let late = NewUser { user, request_id: new.request_id, verify_by: Some(at(900)), ..rival };
        let late = NewUser { verification: Some(new_code(None)), ..late };
        assert_eq!(store.pending_user_create(late).await.unwrap(), is_added);
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM pending_users").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn a_right_code_makes_the_user_with_a_verified_address_once(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (new, code) = pending(store.as_ref(), new_user()).await;
    let other = store.pending_user_complete(Uuid::now_v7(), completed(&new), revoking(10)).await;
    assert_eq!(other.unwrap(), Completed::Invalid, "an unknown code");
    assert_eq!(complete(store.as_ref(), &new, &code).await, Completed::Done);
    let user = store.user_by_id(new.user.id).await.unwrap().unwrap().user;
    assert!(user.email_verified && user.created_at == at(0) && user.is_2fa_enabled);
    assert_eq!(complete(store.as_ref(), &new, &code).await, Completed::Invalid, "again");
    assert!(store.pending_user_by_id(new.user.id, at(10)).await.unwrap().is_none());
    // The request can still be sent again.
    let taken = store.user_taken("", "", new.request_id).await.unwrap();
    assert!(matches!(taken, Some(countersign::store::Taken::RequestId(_))), "{taken:?}");
    let recorded: Vec<_> = events(&database).await.iter().map(|event| event.kind).collect();
    assert_eq!(recorded, [EventKind::Registered, EventKind::EmailVerified]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_taken_name_uses_nothing_up_and_another_one_does(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (new, code) = pending(store.as_ref(), new_user()).await;
    let holder = NewUser { username_key: new.username_key.clone(), ..new_user() };
    assert!(store.user_create(holder).await.unwrap());
    assert_eq!(complete(store.as_ref(), &new, &code).await, Completed::UsernameTaken);
    assert!(store.user_by_id(new.user.id).await.unwrap().is_none());
    let renamed = NewUser { username_key: new_user().username_key, ..new };
    assert_eq!(complete(store.as_ref(), &renamed, &code).await, Completed::Done);
}

/// Of all who wait for an address, the first to show that they read the mailbox has it.
#[apply(on_both)]
#[tokio::test]
async fn an_address_goes_to_the_first_and_accounts_that_claim_it_end(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let squatter = new_user();
    assert!(store.user_create(squatter.clone()).await.unwrap());
    let new = NewUser {
        user: User { email: squatter.user.email.clone(), ..new_user().user },
        email_key: squatter.email_key.clone(),
        ..new_user()
    };
    let (first, first_code) = pending(store.as_ref(), new).await;
    let late = NewUser { username_key: new_user().username_key, ..rival_of(&first) };
    let (late, late_code) = pending(store.as_ref(), late).await;
    assert_eq!(complete(store.as_ref(), &first, &first_code).await, Completed::Done);
    assert!(store.user_by_id(squatter.user.id).await.unwrap().is_none(), "it has ended");
    assert_eq!(complete(store.as_ref(), &late, &late_code).await, Completed::Invalid);
    let found = store.pending_user_by_id(late.user.id, at(10)).await.unwrap();
    assert!(found.is_some(), "nothing tells that another one has the address by now");
}

#[apply(on_both)]
#[tokio::test]
async fn of_two_who_verify_one_address_at_once_one_becomes_a_user(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for _ in 0..6 {
        let (one, one_code) = pending(store.as_ref(), new_user()).await;
        let other = NewUser { username_key: new_user().username_key, ..rival_of(&one) };
        let (other, other_code) = pending(store.as_ref(), other).await;
        let (first, second) = tokio::join!(
            complete(store.as_ref(), &one, &one_code),
            complete(store.as_ref(), &other, &other_code),
        );
        let done = [first, second].iter().filter(|done| **done == Completed::Done).count();
        assert_eq!(done, 1, "{first:?} {second:?}");
    }
}
