//! Requests that were carried out: noted by the transaction that does it, or not at all.

use countersign::store::{CarriedOut, PasswordChange, Revoking};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_message, revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

const KEY: [u8; 32] = [7; 32];

fn carried_out(seconds: u64, answer: &[u8]) -> Option<CarriedOut> {
    let (now, expires_at) = (at(seconds), at(seconds + 600));
    Some(CarriedOut { key: KEY, sealed_answer: answer.to_vec(), now, expires_at })
}

#[apply(on_both)]
#[tokio::test]
async fn a_request_is_known_from_when_it_was_carried_out_until_it_expires(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    let session_id = session.id;
    store.session_create(session, 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap().unwrap();
    let change = |credential_version, carried_out| PasswordChange {
        user_id: user.user.id,
        credential_version,
        session_id,
        password_hash: "other".into(),
        at: Revoking { carried_out, ..revoking(10) },
    };
    let known = async |seconds| store.answer_find(KEY, at(seconds)).await.unwrap();

    // Refused: other credentials.
    let refused = change(9, carried_out(10, b"refused"));
    assert!(!store.password_change(refused, new_message()).await.unwrap());
    assert_eq!(known(10).await, None);

    let first = change(1, carried_out(10, b"first"));
    assert!(store.password_change(first, new_message()).await.unwrap());
    assert_eq!(known(10).await.as_deref(), Some(b"first".as_slice()));
    assert_eq!(known(609).await.as_deref(), Some(b"first".as_slice()));
    assert_eq!(known(610).await, None);
    assert_eq!(store.answer_find([8; 32], at(10)).await.unwrap(), None);

    // Once it has expired, the next request may have the same key.
    let later = change(2, carried_out(610, b"later"));
    assert!(store.password_change(later, new_message()).await.unwrap());
    assert_eq!(known(610).await.as_deref(), Some(b"later".as_slice()));
}
