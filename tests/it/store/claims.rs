//! Whose an address is: claims of it, the proof that decides, and the end of accounts that never had one.

use std::sync::Arc;

use countersign::{
    domain::LoginName,
    store::{Credentials, MailboxProof, NewUser, Store, Taken},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at,
    mailbox::{new_code, plain_user},
    new_user, revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

const USERS: &str = "SELECT COUNT(*) FROM users WHERE deleted_at IS NULL";
const VERIFIED: &str = "SELECT COUNT(*) FROM users WHERE email_verified";

/// A new user with the address of another one.
fn rival_of(first: &NewUser) -> NewUser {
    let mut rival = new_user();
    rival.user.email.clone_from(&first.user.email);
    rival.claim_key = Some(format!("{}\u{1f}{}", first.email_key, rival.user.id));
    NewUser { email_key: first.email_key.clone(), ..rival }
}

async fn add(store: &dyn Store, new: &NewUser) -> Credentials {
    assert!(store.user_create(new.clone()).await.unwrap());
    store.user_by_id(new.user.id).await.unwrap().unwrap()
}

/// A right code of that user.
async fn proof_of(store: &dyn Store, user: &Credentials) -> MailboxProof {
    let new = new_code(Some(user));
    let proof = MailboxProof { code_id: new.code.id, user_id: user.user.id, at: revoking(10) };
    store.mailbox_code_create(new).await.unwrap();
    proof
}

/// Who is found by that address.
async fn holder(store: &dyn Store, new: &NewUser) -> Option<Uuid> {
    let name = LoginName::Email(new.email_key.clone());
    store.user_by_login(&name).await.unwrap().map(|found| found.user.id)
}

async fn exists(store: &dyn Store, id: Uuid) -> bool {
    store.user_by_id(id).await.unwrap().is_some()
}

#[apply(on_both)]
#[tokio::test]
async fn an_address_that_is_not_verified_may_be_claimed_and_the_proof_decides(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let first = new_user();
    let squatter = add(store.as_ref(), &first).await;
    let rivals = [rival_of(&first), rival_of(&first), rival_of(&first)];
    let owner = add(store.as_ref(), &rivals[0]).await;
    let other = add(store.as_ref(), &rivals[1]).await;
    let neighbour = stored_user(store.as_ref()).await;
    let users = [&squatter, &owner, &other, &neighbour];
    let sessions = users.map(|user| session_of(user.user.id));
    for session in &sessions {
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap();
    }
    assert_eq!(owner.user.email, first.user.email, "as it was typed");
    assert_eq!(holder(store.as_ref(), &first).await, Some(squatter.user.id));
    let without_claim = NewUser { claim_key: None, ..rivals[2].clone() };
    assert!(!store.user_create(without_claim).await.unwrap(), "taken where nobody verifies");

    let squatters = proof_of(store.as_ref(), &squatter).await;
    let (waiting, proof) =
        (store.outbox_state(at(0)).await.unwrap().waiting, proof_of(store.as_ref(), &owner).await);
    assert!(store.email_verify(proof).await.unwrap());
    assert!(!store.email_verify(squatters).await.unwrap(), "the account is gone");
    let mut there = Vec::new();
    for (user, session) in users.iter().zip(&sessions) {
        let lives = store.session_live(session.id, at(11)).await.unwrap().is_some();
        assert_eq!(lives, exists(store.as_ref(), user.user.id).await);
        there.push(lives);
    }
    assert_eq!(there, [false, true, false, true]);
    let personal = "SELECT COUNT(*) FROM users WHERE email <> '' OR claimed_email_key IS NOT NULL";
    assert_eq!(database.number(personal).await, 2);
    assert_eq!(holder(store.as_ref(), &first).await, Some(owner.user.id));
    // Those who watch are told of each, the mailbox of none.
    let told =
        "SELECT COUNT(*) FROM revocations WHERE user_id IS NOT NULL AND not_before = expires_at";
    assert_eq!(database.number(told).await, 2);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'user_deleted' AND session_id IS NULL";
    assert_eq!(database.number(recorded).await, 2);
    let sent = store.outbox_state(at(0)).await.unwrap().waiting - waiting;
    assert_eq!(sent, 1, "the owner's code");
    // From now on it is taken.
    assert!(!store.user_create(rivals[2].clone()).await.unwrap());
    let taken = store.user_taken("nobody", &first.email_key, None).await.unwrap();
    assert!(matches!(taken, Some(Taken::Email { verified: true })), "{taken:?}");
    assert_eq!(database.number(VERIFIED).await, 1);
}

/// A claim may be left where there were more than one proof ends.
#[apply(on_both)]
#[tokio::test]
async fn a_claim_verifies_nothing_while_another_account_has_verified_the_address(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let first = new_user();
    add(store.as_ref(), &first).await;
    let claim = add(store.as_ref(), &rival_of(&first)).await;
    let verify = format!(
        "UPDATE users SET email_verified = TRUE WHERE username = '{}'",
        first.user.username
    );
    database.run(&verify).await;
    let proof = proof_of(store.as_ref(), &claim).await;
    assert!(!store.email_verify(proof).await.unwrap());
    assert_eq!(database.number(USERS).await, 2);
    assert_eq!(database.number(VERIFIED).await, 1);
    assert_eq!(holder(store.as_ref(), &first).await, Some(first.user.id));
}

#[apply(on_both)]
#[tokio::test]
async fn a_proof_ends_many_claims_and_the_one_that_has_the_address_first(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let first = new_user();
    let owner = add(store.as_ref(), &rival_of(&NewUser { claim_key: None, ..first.clone() })).await;
    let id = match backend {
        Backend::Sqlite => "randomblob(16)",
        Backend::Postgres => "gen_random_uuid()",
    };
    // The youngest of them all has the address.
    let key = &first.email_key;
    let many = format!(
        "UPDATE users SET claimed_email_key = email_key, email_key = 'owner'; \
         INSERT INTO users (id, username, username_key, email, email_key, claimed_email_key, email_verified, \
         password_hash, credential_version, is_2fa_enabled, roles, created_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) \
         SELECT {id}, 'u' || i, 'u' || i, email, 'k' || i, '{key}', email_verified, password_hash, \
         credential_version, is_2fa_enabled, roles, created_at FROM n, users; \
         UPDATE users SET email_key = claimed_email_key, claimed_email_key = NULL WHERE username = 'u600'"
    );
    database.run(&many).await;
    let proof = proof_of(store.as_ref(), &owner).await;
    assert!(store.email_verify(proof).await.unwrap());
    assert_eq!(holder(store.as_ref(), &first).await, Some(owner.user.id));
    assert_eq!(database.number(USERS).await, 101);
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 500);
}

#[apply(on_both)]
#[tokio::test]
async fn a_reset_is_such_a_proof_too(backend: Backend) {
    use countersign::store::PasswordReset;
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut first = new_user();
    first.user.is_2fa_enabled = false;
    first.verify_by = Some(at(500));
    let user = add(store.as_ref(), &first).await;
    let claim = add(store.as_ref(), &rival_of(&first)).await;
    let MailboxProof { code_id, user_id, at } = proof_of(store.as_ref(), &user).await;
    let reset = PasswordReset {
        user_id,
        credential_version: 1,
        code_id,
        recovery_code: None,
        password_hash: "other".into(),
        at,
    };
    assert!(store.password_reset(reset, super::new_message()).await.unwrap());
    assert!(!exists(store.as_ref(), claim.user.id).await);
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 1);
    assert_eq!(database.number(&format!("{VERIFIED} AND verify_by IS NULL")).await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn a_code_ends_an_account_once_unless_its_address_is_verified(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, plain_user(store.as_ref()).await);
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    let proof = proof_of(store.as_ref(), &user).await;
    let end = |proof| store.unverified_user_end(proof);
    assert!(
        !end(MailboxProof { code_id: Uuid::now_v7(), ..proof.clone() }).await.unwrap(),
        "unknown"
    );
    assert!(
        !end(MailboxProof { user_id: other.user.id, ..proof.clone() }).await.unwrap(),
        "another's"
    );
    database.run("UPDATE users SET email_verified = TRUE").await;
    assert!(!end(proof.clone()).await.unwrap(), "verified");
    assert_eq!(database.number(USERS).await, 2);
    // Whoever is in the account does not save it by another password.
    database.run("UPDATE users SET email_verified = FALSE, credential_version = 7").await;
    let waiting = store.outbox_state(at(0)).await.unwrap().waiting;
    let rivals = tokio::join!(end(proof.clone()), end(proof.clone()), end(proof));
    let done = [rivals.0.unwrap(), rivals.1.unwrap(), rivals.2.unwrap()];
    assert_eq!(done.into_iter().filter(|done| *done).count(), 1);
    assert!(!exists(store.as_ref(), user.user.id).await);
    assert!(exists(store.as_ref(), other.user.id).await);
    assert!(store.session_live(session.id, at(11)).await.unwrap().is_none());
    assert_eq!(store.outbox_state(at(0)).await.unwrap().waiting, waiting, "no message");
    assert_eq!(
        database.number("SELECT COUNT(*) FROM revocations WHERE user_id IS NOT NULL").await,
        1
    );
}

#[apply(on_both)]
#[tokio::test]
async fn accounts_whose_time_is_over_end_a_few_at_a_time(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for _ in 0..5 {
        add(store.as_ref(), &NewUser { verify_by: Some(at(300)), ..new_user() }).await;
    }
    let kept = [None, Some(at(301)), Some(at(300))];
    let [never, later, verified] = kept.map(|verify_by| NewUser { verify_by, ..new_user() });
    for new in [&never, &later, &verified] {
        add(store.as_ref(), new).await;
    }
    let user = store.user_by_id(verified.user.id).await.unwrap().unwrap();
    let proof = proof_of(store.as_ref(), &user).await;
    assert!(store.email_verify(proof).await.unwrap());
    let end =
        async |seconds, most| store.unverified_users_end(revoking(seconds), most).await.unwrap();
    assert_eq!(end(300, 10).await, 0, "they end just then");
    assert_eq!([end(301, 3).await, end(301, 3).await, end(301, 3).await], [3, 2, 0]);
    for new in [&never, &later, &verified] {
        assert!(exists(store.as_ref(), new.user.id).await);
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 5);
    let recorded = "SELECT COUNT(*) FROM events WHERE kind = 'user_deleted'";
    assert_eq!(database.number(recorded).await, 5);
}

/// Whichever comes first, there is one that has verified the address, or none while nobody has.
#[apply(on_both)]
#[tokio::test]
async fn of_rivals_that_verify_at_once_or_register_meanwhile_one_has_the_address(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for _ in 0..20 {
        let first = new_user();
        let rivals = [first.clone(), rival_of(&first), rival_of(&first), rival_of(&first)];
        let one = add(store.as_ref(), &rivals[0]).await;
        let two = add(store.as_ref(), &rivals[1]).await;
        let three = add(store.as_ref(), &rivals[2]).await;
        let one = proof_of(store.as_ref(), &one).await;
        let two = proof_of(store.as_ref(), &two).await;
        let three = proof_of(store.as_ref(), &three).await;
        let (one, two, three, registered) = tokio::join!(
            verify(&store, one),
            verify(&store, two),
            verify(&store, three),
            store.user_create(rivals[3].clone()),
        );
        let done = [one, two, three].into_iter().filter(|done| *done).count();
        assert_eq!(done, 1);
        let of_address = |what| {
            format!("SELECT COUNT(*) FROM users WHERE email = '{}' {what}", first.user.email)
        };
        assert_eq!(database.number(&of_address("AND email_verified")).await, 1);
        assert!(holder(store.as_ref(), &first).await.is_some());
        // It was too late, or ended with the others.
        assert_eq!(database.number(&of_address("")).await, 1, "registered: {registered:?}");
    }
}

async fn verify(store: &Arc<dyn Store>, proof: MailboxProof) -> bool {
    store.email_verify(proof).await.unwrap()
}
