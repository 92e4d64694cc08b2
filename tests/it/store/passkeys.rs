//! Passkeys, and what is proved by them.

use countersign::{
    domain::{AuthMethod, Factor, Passkey, Session},
    store::{
        Credentials, FactorChange, NewAssertion, NewPasskey, PasskeyAdded, PasskeyDeleted,
        PasskeyProof, PasskeyProved, PasskeyUse, Restoration, SessionLimit, Spending, Store,
    },
};
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    ACTOR, ADDRESS, KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_challenge, new_message, revoking,
    session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

const HANDLE: [u8; 64] = [7; 64];

/// A user with a session.
async fn user(store: &dyn Store) -> (Credentials, Session) {
    let user = stored_user(store).await;
    let session = session_of(user.user.id);
    let begun = store
        .session_create(session, 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
        .await
        .unwrap()
        .unwrap();
    (user, begun)
}

fn change(session: &Session) -> FactorChange {
    FactorChange {
        user_id: session.user_id,
        credential_version: 1,
        session_id: Some(session.id),
        actor: ACTOR,
        address: Some(ADDRESS),
        now: at(10),
        carried_out: None,
    }
}

fn used() -> NewAssertion {
    let digest = *Uuid::now_v7().as_bytes().repeat(2).first_chunk().unwrap();
    NewAssertion { digest, issued_at: at(5), expires_at: at(900) }
}

fn new(session: &Session) -> NewPasskey {
    let id = Uuid::now_v7();
    let passkey = Passkey {
        id,
        user_id: session.user_id,
        user_handle: HANDLE,
        credential_id: id.as_bytes().to_vec(),
        public_key: vec![1, 2, 3],
        sign_count: u32::MAX - 1,
        backup_eligible: true,
        backed_up: false,
        transports: vec!["hybrid".into(), "internal".into()],
        aaguid: Uuid::from_u128(3),
        name: "phone".into(),
        created_at: at(10),
        last_used_at: None,
    };
    NewPasskey { passkey, change: change(session), used: used(), most: 2 }
}

async fn add(store: &dyn Store, new: &NewPasskey) -> PasskeyAdded {
    store.passkey_add(new.clone(), new_message()).await.unwrap()
}

/// A user with a session and a passkey.
async fn with_passkey(store: &dyn Store) -> (Session, Passkey) {
    let (_, session) = user(store).await;
    store.passkey_handle(change(&session), HANDLE).await.unwrap().unwrap();
    let new = new(&session);
    assert_eq!(add(store, &new).await, PasskeyAdded::Done);
    (session, new.passkey)
}

fn proof(passkey: &Passkey, sign_count: u32) -> PasskeyProof {
    let usage = PasskeyUse { id: passkey.id, sign_count, backed_up: true, at: at(20) };
    PasskeyProof { usage, used: used() }
}

fn by_passkey(session: &Session) -> Session {
    let methods = AuthMethod::OF_A_PASSKEY.to_vec();
    Session { id: Uuid::now_v7(), methods, ..session_of(session.user_id) }
}

async fn begin(store: &dyn Store, session: &Session, proof: PasskeyProof) -> PasskeyProved {
    store.session_by_passkey(by_passkey(session), 1, proof, NO_LIMIT, KNOWN_DEVICE).await.unwrap()
}

async fn prove(store: &dyn Store, session: &Session, proof: PasskeyProof) -> PasskeyProved {
    store.session_prove_by_passkey(change(session), proof).await.unwrap()
}

fn begun(proved: PasskeyProved) -> Session {
    match proved {
        PasskeyProved::Session(session) => *session,
        refused @ (PasskeyProved::Used
        | PasskeyProved::CounterNotHigher
        | PasskeyProved::Refused) => panic!("{refused:?}"),
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_handle_is_drawn_once(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (_, session) = user(store.as_ref()).await;
    let draw = async |handle| store.passkey_handle(change(&session), handle).await.unwrap();
    assert_eq!(draw(HANDLE).await, Some(HANDLE));
    assert_eq!(draw([8; 64]).await, Some(HANDLE));
    let stale = FactorChange { credential_version: 2, ..change(&session) };
    assert_eq!(store.passkey_handle(stale, HANDLE).await.unwrap(), None);
}

#[apply(on_both)]
#[tokio::test]
async fn what_was_added_is_read_back(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    assert_eq!(store.passkeys_of(session.user_id).await.unwrap(), std::slice::from_ref(&passkey));
    let (found, owner) = store.passkey_find(passkey.credential_id.clone()).await.unwrap().unwrap();
    assert_eq!((found, owner.user.id), (passkey, session.user_id));
    assert!(store.passkey_find(vec![9]).await.unwrap().is_none());
    assert!(store.factors_of(session.user_id).await.unwrap().has_passkeys);
    let told = "SELECT COUNT(*) FROM events WHERE kind = 'passkey_added'";
    assert_eq!(database.number(told).await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn a_credential_and_a_challenge_count_once_and_there_is_a_limit(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    let (_, stranger) = user(store.as_ref()).await;
    for session in [&session, &stranger] {
        let mut taken = new(session);
        taken.passkey.credential_id.clone_from(&passkey.credential_id);
        assert_eq!(add(store.as_ref(), &taken).await, PasskeyAdded::Taken);
    }
    let second = new(&session);
    assert_eq!(add(store.as_ref(), &second).await, PasskeyAdded::Done);
    let again = NewPasskey { used: second.used, ..new(&session) };
    assert_eq!(add(store.as_ref(), &again).await, PasskeyAdded::Refused);
    assert_eq!(add(store.as_ref(), &new(&session)).await, PasskeyAdded::TooMany);
    let mut ended = new(&stranger);
    ended.change.session_id = Some(Uuid::now_v7());
    assert_eq!(add(store.as_ref(), &ended).await, PasskeyAdded::Refused);
}

#[apply(on_both)]
#[tokio::test]
async fn only_the_owner_renames_and_deletes(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    let (_, stranger) = user(store.as_ref()).await;
    let rename =
        async |user_id| store.passkey_rename(passkey.id, user_id, "key".into()).await.unwrap();
    assert!(!rename(stranger.user_id).await && rename(session.user_id).await);
    assert_eq!(store.passkeys_of(session.user_id).await.unwrap()[0].name, "key");
    let delete =
        async |change| store.passkey_delete(change, passkey.id, new_message()).await.unwrap();
    assert_eq!(delete(change(&stranger)).await, PasskeyDeleted::NotFound);
    let stale = FactorChange { credential_version: 2, ..change(&session) };
    assert_eq!(delete(stale).await, PasskeyDeleted::Refused);
    assert_eq!(delete(change(&session)).await, PasskeyDeleted::Done);
    assert_eq!(delete(change(&session)).await, PasskeyDeleted::NotFound);
    let gone = begin(store.as_ref(), &session, proof(&passkey, u32::MAX)).await;
    assert_eq!(gone, PasskeyProved::Refused);
}

#[apply(on_both)]
#[tokio::test]
async fn a_use_is_noted_and_the_counter_only_goes_up(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    for low in [0, 1, passkey.sign_count] {
        for came in [
            begin(store.as_ref(), &session, proof(&passkey, low)).await,
            prove(store.as_ref(), &session, proof(&passkey, low)).await,
        ] {
            assert_eq!(came, PasskeyProved::CounterNotHigher, "{low}");
        }
    }
    let begun = begun(begin(store.as_ref(), &session, proof(&passkey, u32::MAX)).await);
    assert_eq!(store.session_find(begun.id).await.unwrap(), Some(begun));
    let noted = store.passkeys_of(session.user_id).await.unwrap().remove(0);
    let expected =
        Passkey { sign_count: u32::MAX, backed_up: true, last_used_at: Some(at(20)), ..passkey };
    assert_eq!(noted, expected);
}

/// Many at once, with one challenge: each has a counter of its own.
#[apply(on_both)]
#[tokio::test]
async fn of_one_challenge_one_session_comes(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    let used = used();
    let proof = PasskeyProof { used, ..proof(&passkey, u32::MAX) };
    assert!(!store.passkey_challenge_used(used.digest).await.unwrap());
    let came = join_all((0..16).map(|_| begin(store.as_ref(), &session, proof))).await;
    assert!(store.passkey_challenge_used(used.digest).await.unwrap());
    assert_eq!(came.iter().filter(|came| **came == PasskeyProved::Used).count(), 15);
    assert_eq!(came.into_iter().filter(|came| *came != PasskeyProved::Used).map(begun).count(), 1);
}

/// Copies of one authenticator, at once, with a challenge each: whoever is first, the others are told for what they are.
#[apply(on_both)]
#[tokio::test]
async fn of_copies_one_session_comes(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    let copies = (0..16).map(|_| begin(store.as_ref(), &session, proof(&passkey, u32::MAX)));
    let came = join_all(copies).await;
    let is_late = |came: &PasskeyProved| *came == PasskeyProved::CounterNotHigher;
    assert_eq!(came.iter().filter(|came| is_late(came)).count(), 15);
    assert_eq!(came.into_iter().filter(|came| !is_late(came)).map(begun).count(), 1);
}

/// The rows that say so are lost.
#[apply(on_both)]
#[tokio::test]
async fn a_challenge_of_before_a_restore_counts_as_used(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    let restoration = Restoration {
        at: revoking(6),
        spent_step: 0,
        keep_recovery_codes: true,
        deletions_wait_until: at(6),
    };
    store.restored_begin(restoration).await.unwrap();
    let old = proof(&passkey, u32::MAX);
    assert_eq!(begin(store.as_ref(), &session, old).await, PasskeyProved::Used);
    assert_eq!(prove(store.as_ref(), &session, old).await, PasskeyProved::Used);
    let issued_at = at(7);
    let used = NewAssertion { issued_at, ..used() };
    begun(begin(store.as_ref(), &session, PasskeyProof { used, ..old }).await);
}

#[apply(on_both)]
#[tokio::test]
async fn a_strangers_passkey_proves_nothing(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, _) = with_passkey(store.as_ref()).await;
    let (stranger, others) = with_passkey(store.as_ref()).await;
    let theirs = || proof(&others, u32::MAX);
    assert_eq!(begin(store.as_ref(), &session, theirs()).await, PasskeyProved::Refused);
    assert_eq!(prove(store.as_ref(), &session, theirs()).await, PasskeyProved::Refused);
    let owner = store.user_by_id(session.user_id).await.unwrap().unwrap();
    let mut new = new_challenge(&owner);
    new.challenge.factors = vec![Factor::Passkey];
    assert!(store.challenge_create(new.clone(), None).await.unwrap());
    let (spending, asked) = (Spending::Passkey(theirs().usage), session_of(session.user_id));
    let completed = store
        .challenge_complete(new.challenge, asked, spending, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
        .await;
    assert_eq!(completed.unwrap(), None);
    assert_eq!(store.passkeys_of(stranger.user_id).await.unwrap(), [others]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_login_by_a_passkey_ends_the_oldest_session_beyond_the_limit(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    let limit = SessionLimit { most: 1, tokens_expire_at: at(900) };
    let mut sessions = vec![session.id];
    for (seconds, sign_count) in [(1, u32::MAX - 1), (2, u32::MAX)] {
        database.run("UPDATE passkeys SET sign_count = 7").await;
        let session = Session { created_at: at(seconds), ..by_passkey(&session) };
        let proof = proof(&passkey, sign_count);
        let came = store.session_by_passkey(session, 1, proof, limit, KNOWN_DEVICE).await;
        sessions.push(begun(came.unwrap()).id);
    }
    let mut live = Vec::new();
    for id in sessions {
        live.push(store.session_live(id, at(3)).await.unwrap().is_some());
    }
    assert_eq!(live, [false, false, true]);
}

#[apply(on_both)]
#[case::other_credentials("credential_version = 2")]
#[case::disabled("disabled_at = created_at")]
#[tokio::test]
async fn an_account_that_is_another_by_now_begins_nothing(#[case] changed: &str, backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    database.run("UPDATE passkeys SET sign_count = 7").await;
    database.run(&format!("UPDATE users SET {changed}")).await;
    for came in [
        begin(store.as_ref(), &session, proof(&passkey, u32::MAX - 1)).await,
        prove(store.as_ref(), &session, proof(&passkey, u32::MAX)).await,
    ] {
        assert_eq!(came, PasskeyProved::Refused);
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_live_session_is_proved_once_more(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (session, passkey) = with_passkey(store.as_ref()).await;
    let once = proof(&passkey, u32::MAX);
    let prove = async |proof| prove(store.as_ref(), &session, proof).await;
    let proved = begun(prove(once).await);
    assert_eq!(proved.methods, AuthMethod::OF_A_PASSKEY);
    assert_eq!(proved.reauthenticated_at, Some(at(10)));
    assert_eq!(prove(once).await, PasskeyProved::Used);
    let at = revoking(20);
    store.session_revoke(session.id, session.user_id, at).await.unwrap();
    let low = PasskeyProof { used: used(), ..once };
    assert_eq!(prove(low).await, PasskeyProved::CounterNotHigher);
    database.run("UPDATE passkeys SET sign_count = 7").await;
    assert_eq!(prove(proof(&passkey, u32::MAX)).await, PasskeyProved::Refused);
}
