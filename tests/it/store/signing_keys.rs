//! Signing keys.

use countersign::store::SealedKey;
use rstest::rstest;
use uuid::Uuid;

use super::at;
use crate::harness::{Backend, Database};

#[rstest]
#[tokio::test]
async fn each_algorithm_has_one_active_key_and_the_first_one_stays(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let key = |algorithm: &str| SealedKey {
        id: Uuid::now_v7(),
        algorithm: algorithm.to_owned(),
        sealed_private_key: vec![0, 1, 255],
        created_at: at(0),
    };
    let (first, second, other) = (key("ES256"), key("ES256"), key("EdDSA"));
    assert_eq!(store.signing_key_active("ES256").await.unwrap(), None);
    assert!(store.signing_key_create(first.clone()).await.unwrap());
    assert!(!store.signing_key_create(second).await.unwrap());
    assert!(store.signing_key_create(other.clone()).await.unwrap());
    assert_eq!(store.signing_key_active("ES256").await.unwrap(), Some(first));
    assert_eq!(store.signing_key_active("EdDSA").await.unwrap(), Some(other));
}
