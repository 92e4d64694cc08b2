//! Signing keys.

use countersign::{
    domain::Revoked,
    store::{NumberedRevocation, Revoking, SealedKey, Store},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{at, revoking};
use crate::harness::{Backend, Database, on_both};

pub(super) fn key(algorithm: &str, generation: i64) -> SealedKey {
    SealedKey {
        id: Uuid::now_v7(),
        algorithm: algorithm.to_owned(),
        generation,
        sealed_private_key: vec![0, 1, 255],
        created_at: at(0),
        signs_from: at(600),
        retired_at: None,
    }
}

/// At that time, and told until long after.
fn withdrawal(seconds: u64) -> Revoking {
    Revoking { tokens_expire_at: at(seconds + 90_000), address: None, ..revoking(seconds) }
}

/// What those who watch are told.
async fn told(store: &dyn Store) -> Vec<Revoked> {
    let told = store.revocations_after(0, at(0), 100).await.unwrap();
    told.into_iter().map(|told| told.revocation.subject).collect()
}

#[apply(on_both)]
#[tokio::test]
async fn each_generation_of_an_algorithm_is_made_once(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (first, rival) = (key("ES256", 1), key("ES256", 1));
    let (second, other) = (key("ES256", 2), key("EdDSA", 1));
    assert_eq!(store.signing_keys().await.unwrap(), []);
    for (key, made) in [(&first, true), (&rival, false), (&second, true), (&other, true)] {
        assert_eq!(store.signing_key_create(key.clone()).await.unwrap(), made);
    }
    assert_eq!(store.signing_keys().await.unwrap(), [first, second, other]);
    let active = "SELECT COUNT(*) FROM signing_keys WHERE active AND generation = 1";
    assert_eq!(database.number(active).await, 2, "what the release before goes by");
}

/// Side by side with this release, during a roll-out.
#[apply(on_both)]
#[tokio::test]
async fn a_key_that_the_release_before_made_signs_from_the_beginning(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let zero = if backend == Backend::Sqlite { "0" } else { "to_timestamp(0)" };
    let bytes = if backend == Backend::Sqlite { "x'00'" } else { "'\\x00'" };
    let id = Uuid::now_v7();
    let id_text =
        if backend == Backend::Sqlite { format!("x'{}'", id.simple()) } else { format!("'{id}'") };
    let insert = format!(
        "INSERT INTO signing_keys (id, algorithm, sealed_private_key, active, created_at) \
         VALUES ({id_text}, 'ES256', {bytes}, TRUE, {zero}) ON CONFLICT DO NOTHING"
    );
    database.run(&insert).await;
    let keys = store.signing_keys().await.unwrap();
    assert_eq!((keys[0].id, keys[0].generation, keys[0].retired_at), (id, 1, None));
    assert_eq!(keys[0].signs_from, keys[0].created_at);
    assert!(!store.signing_key_create(key("ES256", 1)).await.unwrap());
}

#[apply(on_both)]
#[tokio::test]
async fn a_key_is_retired_once_and_only_while_another_one_signs(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (old, signer, newer) = (key("ES256", 1), key("ES256", 2), key("ES256", 3));
    for key in [&old, &signer, &newer] {
        store.signing_key_create(key.clone()).await.unwrap();
    }
    let retire =
        async |id, signer| store.signing_key_retire(id, signer, withdrawal(5)).await.unwrap();
    assert!(!retire(signer.id, signer.id).await, "it signs itself");
    assert!(!retire(Uuid::now_v7(), signer.id).await, "unknown");
    assert!(!retire(old.id, Uuid::now_v7()).await, "nobody signs");
    assert!(retire(old.id, signer.id).await);
    assert!(!retire(old.id, signer.id).await, "again");
    assert!(retire(signer.id, newer.id).await);
    assert!(!retire(newer.id, signer.id).await, "the signer is retired meanwhile");
    let keys = store.signing_keys().await.unwrap();
    let retired: Vec<_> = keys.iter().map(|key| key.retired_at).collect();
    assert_eq!(retired, [Some(at(5)), Some(at(5)), None]);
    let active = "SELECT COUNT(*) FROM signing_keys WHERE active";
    assert_eq!(database.number(active).await, 0, "the release before must not sign with it");
    let revoked = [Revoked::Key(old.id), Revoked::Key(signer.id)];
    assert_eq!(told(store.as_ref()).await, revoked, "of what was not retired nobody is told");
    let unretired = async |id| store.signing_key_unretired(id).await.unwrap();
    assert!(unretired(newer.id).await && !unretired(old.id).await);
    assert!(!unretired(Uuid::now_v7()).await);
}

#[apply(on_both)]
#[tokio::test]
async fn a_key_is_replaced_and_revoked_as_one_or_not_at_all(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (leaked, new) = (key("ES256", 1), key("ES256", 2));
    store.signing_key_create(leaked.clone()).await.unwrap();
    let replace = async |key: &SealedKey, replaced| {
        store.signing_key_replace(key.clone(), replaced, withdrawal(5)).await.unwrap()
    };
    assert!(!replace(&key("ES256", 1), leaked.id).await, "somebody has made that generation");
    assert!(!replace(&new, Uuid::now_v7()).await, "unknown");
    assert_eq!(store.signing_keys().await.unwrap(), std::slice::from_ref(&leaked));
    assert!(replace(&new, leaked.id).await);
    assert!(!replace(&key("ES256", 3), leaked.id).await, "it is retired already");
    let retired = SealedKey { retired_at: Some(at(5)), ..leaked.clone() };
    assert_eq!(store.signing_keys().await.unwrap(), [retired, new]);
    let first = store.revocations_after(0, at(5), 100).await.unwrap();
    let [NumberedRevocation { seq: 1, revocation }] = first[..] else { panic!("{first:?}") };
    assert_eq!(revocation.subject, Revoked::Key(leaked.id));
    assert_eq!((revocation.not_before, revocation.expires_at), (at(5), at(90_005)));
    let active = "SELECT COUNT(*) FROM signing_keys WHERE active";
    assert_eq!(database.number(active).await, 0, "the release before must not sign with it");
    let as_a_user =
        "SELECT COUNT(*) FROM revocations WHERE user_id = key_id AND session_id IS NULL";
    assert_eq!(database.number(as_a_user).await, 1, "what the release before can read");
}

/// Two operators, or one and the replica whose turn it is to make the next key.
#[apply(on_both)]
#[tokio::test]
async fn of_rivals_that_replace_a_key_one_does(backend: Backend) {
    let database = Database::new(backend).await;
    let (store, other) = (database.store().await, database.store().await);
    let first = key("ES256", 1);
    store.signing_key_create(first.clone()).await.unwrap();
    let mut leaked = first.id;
    for generation in 2..6 {
        let rivals = [key("ES256", generation), key("ES256", generation)];
        let results = tokio::join!(
            store.signing_key_replace(rivals[0].clone(), leaked, withdrawal(5)),
            other.signing_key_replace(rivals[1].clone(), leaked, withdrawal(5)),
        );
        let won = [results.0.unwrap(), results.1.unwrap()];
        assert!(won[0] != won[1], "{won:?}");
        leaked = rivals[usize::from(won[1])].id;
    }
    let keys = store.signing_keys().await.unwrap();
    let unretired: Vec<_> = keys.iter().filter(|key| key.retired_at.is_none()).collect();
    assert_eq!((keys.len(), unretired.len(), unretired[0].id), (5, 1, leaked));
    assert_eq!(told(store.as_ref()).await.len(), 4);
}

#[apply(on_both)]
#[tokio::test]
async fn two_keys_are_never_retired_in_favour_of_one_another(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for generation in 0..3 {
        let (left, right) = (key("ES256", 2 * generation), key("ES256", 2 * generation + 1));
        for key in [&left, &right] {
            assert!(store.signing_key_create(key.clone()).await.unwrap());
        }
        let results = tokio::join!(
            store.signing_key_retire(left.id, right.id, withdrawal(5)),
            store.signing_key_retire(right.id, left.id, withdrawal(5)),
        );
        assert!(results.0.unwrap() != results.1.unwrap(), "one of them");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn first_the_private_part_is_forgotten_and_then_the_key(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (key, other) = (key("ES256", 1), key("ES256", 2));
    store.signing_key_create(key.clone()).await.unwrap();
    store.signing_key_create(other.clone()).await.unwrap();
    assert!(store.signing_key_erase(key.id).await.unwrap());
    assert!(!store.signing_key_erase(key.id).await.unwrap(), "again");
    let erased = SealedKey { sealed_private_key: Vec::new(), ..key.clone() };
    assert_eq!(store.signing_keys().await.unwrap(), [erased, other.clone()]);
    assert_eq!(database.number("SELECT COUNT(*) FROM signing_keys WHERE active").await, 0);
    assert!(store.signing_key_remove(key.id).await.unwrap());
    assert!(!store.signing_key_remove(key.id).await.unwrap(), "again");
    assert_eq!(store.signing_keys().await.unwrap(), [other]);
}
