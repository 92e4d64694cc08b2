//! `countersign keys reencrypt`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{
    app,
    domain::{Actor, Event, EventKind, EventKinds, Subscription},
    service::{Clock, Reencrypted},
    store::{NewSubscription, Resealed, SealedColumn, SealedValue, Store},
    token::{MasterKey, Place},
};
use rand::RngExt as _;
use rstest::rstest;
use uuid::Uuid;

use super::{Keys, Service, numbers};
use crate::{
    factors::enroll,
    harness::{
        Backend, Database,
        clock::TestClock,
        command::{command, output},
    },
};

const COLUMNS: [&str; 5] = [
    "signing_keys.sealed_private_key",
    "totp_factors.sealed_secret",
    "outbox.sealed_message",
    "subscriptions.sealed_secret",
    "wrapped_keys.sealed_key",
];

async fn service(backend: Backend) -> Service {
    let (database, clock) = (Arc::new(Database::new(backend).await), TestClock::default());
    Service { database, clock }
}

/// A database with something in each of the columns: an app, the notice of it, and a subscription.
async fn filled(backend: Backend, keys: Keys<'_>) -> Service {
    let service = service(backend).await;
    let server = service.start_without_mail(keys).await;
    let user = server.user(false).await;
    enroll(&server, &server.session(&user).await).await;
    server.stop().await.unwrap();
    put_subscription(&service, keys.0).await;
    service
}

/// A subscription that is disabled: no server posts to it.
async fn put_subscription(service: &Service, master_key: &str) {
    let (store, id) = (service.database.store().await, Uuid::now_v7());
    let key = MasterKey::parse(master_key).unwrap();
    let now = Clock::system().now();
    let subscription = Subscription {
        id,
        url: "https://hooks.example.com/".into(),
        kinds: EventKinds::default(),
        created_at: now,
        disabled_at: None,
    };
    let sealed_secret = key.seal(&Place::SubscriptionSecret(id), b"whsec_").unwrap();
    let new = NewSubscription { subscription, sealed_secret };
    let event = Event::of(EventKind::SubscriptionCreated, None, None, Actor::Operator, None, now);
    assert!(store.subscription_create(new, 20, event).await.unwrap());
    service.database.run("UPDATE subscriptions SET disabled_at = created_at").await;
}

/// As release 0.1.0 did: for a row's id alone, with no header.
fn seal_as_0_1_0(master_key: &str, row: Uuid, plain: &[u8]) -> Vec<u8> {
    let master_key = STANDARD.decode(master_key).unwrap();
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign").extract(&master_key);
    let (mut key, label): ([u8; 32], &[&[u8]]) = ([0; 32], &[b"seal v1"]);
    secret.expand(label, hkdf::HKDF_SHA256).unwrap().fill(&mut key).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let (nonce, mut text) = (rand::rng().random::<[u8; NONCE_LEN]>(), plain.to_vec());
    let nonce_used = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce_used, Aad::from(row.as_bytes()), &mut text).unwrap();
    [nonce.as_slice(), &text].concat()
}

fn place(column: SealedColumn, value: &SealedValue) -> Place<'static> {
    match column {
        SealedColumn::SigningKeys => Place::SigningKey(value.id),
        SealedColumn::TotpSecrets => {
            Place::TotpSecret { id: value.id, user_id: value.user_id.unwrap() }
        }
        SealedColumn::Messages => Place::Message(value.id),
        SealedColumn::SubscriptionSecrets => Place::SubscriptionSecret(value.id),
    }
}

/// Writes all values anew, as `seal` says.
async fn rewrite(
    store: &dyn Store,
    column: SealedColumn,
    seal: impl Fn(Place<'_>, &SealedValue) -> Vec<u8>,
) {
    let values = store.sealed_page(column, Uuid::nil(), 10_000).await.unwrap();
    let rewritten = |value: &SealedValue| Resealed {
        id: value.id,
        from: value.sealed.clone(),
        to: seal(place(column, value), value),
    };
    let rewritten: Vec<_> = values.iter().map(rewritten).collect();
    let count = rewritten.len() as u64;
    assert_eq!(store.sealed_replace(column, rewritten).await.unwrap(), count);
}

/// Makes the database one that release 0.1.0 left behind: values in its form, and no digest key.
pub(super) async fn as_of_0_1_0(service: &Service, master_key: &str) {
    let store = service.database.store().await;
    let key = MasterKey::parse(master_key).unwrap();
    for column in [SealedColumn::SigningKeys, SealedColumn::TotpSecrets, SealedColumn::Messages] {
        rewrite(store.as_ref(), column, |place, value| {
            let plain = key.open(&place, &value.sealed).unwrap();
            seal_as_0_1_0(master_key, value.id, &plain)
        })
        .await;
    }
    service.database.run("DELETE FROM wrapped_keys").await;
}

/// Puts messages into the outbox that `master_key` has sealed, and nobody will read.
async fn put_messages(service: &Service, master_key: &str, count: u32) {
    let database = &service.database;
    let insert = match database.backend {
        Backend::Sqlite => format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO outbox (id, sealed_message, created_at, next_try_at, tries, expires_at) \
             SELECT randomblob(16), x'00', 0, 0, 0, 0 FROM n"
        ),
        Backend::Postgres => format!(
            "INSERT INTO outbox (id, sealed_message, created_at, next_try_at, tries, expires_at) \
             SELECT gen_random_uuid(), '\\x00', now(), now(), 0, now() FROM generate_series(1, {count})"
        ),
    };
    database.run("DELETE FROM outbox").await;
    database.run(&insert).await;
    let (store, key) = (database.store().await, MasterKey::parse(master_key).unwrap());
    rewrite(store.as_ref(), SealedColumn::Messages, |place, _| {
        key.seal(&place, b"message").unwrap()
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn everything_is_moved_once_and_a_second_time_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let [a, b] = [(); 2].map(|()| MasterKey::generate_text());
    let service = filled(backend, Keys(&a, None)).await;
    let (printed, result) = service.reencrypt(Keys(&b, Some(&a)));
    result.unwrap();
    for column in COLUMNS {
        assert_eq!(numbers(&printed, column), [1, 0, 0], "{printed}");
    }
    assert!(printed.contains("no server needs COUNTERSIGN_MASTER_KEY_OLD any more"), "{printed}");
    // Also without the old key: all that there is opens with the new one.
    for keys in [Keys(&b, Some(&a)), Keys(&b, None)] {
        let (printed, result) = service.reencrypt(keys);
        result.unwrap();
        for column in COLUMNS {
            assert_eq!(numbers(&printed, column), [0, 1, 0], "{printed}");
        }
    }
    let refused = service.reencrypt(Keys(&a, None)).1.unwrap_err();
    assert!(refused.contains("is this the master key it was stored under?"), "{refused}");
}

#[rstest]
#[tokio::test]
async fn what_neither_key_opens_is_named_and_left_and_the_rest_is_moved(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let [a, b, lost] = [(); 3].map(|()| MasterKey::generate_text());
    let service = filled(backend, Keys(&a, None)).await;
    let (store, lost) = (service.database.store().await, MasterKey::parse(&lost).unwrap());
    let column = SealedColumn::TotpSecrets;
    rewrite(store.as_ref(), column, |place, _| lost.seal(&place, b"secret").unwrap()).await;
    let before = store.sealed_page(column, Uuid::nil(), 1).await.unwrap();
    let (printed, result) = service.reencrypt(Keys(&b, Some(&a)));
    let said = result.unwrap_err();
    assert!(said.contains(&format!("\n  totp_factors {}", before[0].id)), "{said}");
    assert_eq!(said.matches("\n  ").count(), 1, "{said}");
    assert!(!printed.contains("COUNTERSIGN_MASTER_KEY_OLD"), "it is still needed: {printed}");
    for name in COLUMNS {
        let expected = if name.starts_with("totp") { [0, 0, 1] } else { [1, 0, 0] };
        assert_eq!(numbers(&printed, name), expected, "{printed}");
    }
    assert_eq!(store.sealed_page(column, Uuid::nil(), 1).await.unwrap(), before);
}

#[rstest]
#[tokio::test]
async fn many_rows_are_moved_in_batches(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let [a, b] = [(); 2].map(|()| MasterKey::generate_text());
    let service = filled(backend, Keys(&a, None)).await;
    put_messages(&service, &a, 1201).await;
    let (printed, result) = service.reencrypt(Keys(&b, Some(&a)));
    result.unwrap();
    assert_eq!(numbers(&printed, "outbox.sealed_message"), [1201, 0, 0], "{printed}");
    if backend == Backend::Postgres {
        let transactions = "SELECT COUNT(DISTINCT xmin::text) FROM outbox";
        assert_eq!(service.database.number(transactions).await, 3);
    }
    let (store, new) = (service.database.store().await, MasterKey::parse(&b).unwrap());
    let moved = store.sealed_page(SealedColumn::Messages, Uuid::nil(), 10_000).await.unwrap();
    for value in moved {
        let plain = new.open(&place(SealedColumn::Messages, &value), &value.sealed).unwrap();
        assert_eq!(plain.as_slice(), b"message");
    }
}

#[rstest]
#[tokio::test]
async fn two_at_once_do_not_get_in_each_others_way(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let [a, b] = [(); 2].map(|()| MasterKey::generate_text());
    let service = filled(backend, Keys(&a, None)).await;
    put_messages(&service, &a, 1000).await;
    let config = service.config(Keys(&b, Some(&a)));
    let first = app::reencryption(&config, &Clock::system()).await.unwrap();
    let second = app::reencryption(&config, &Clock::system()).await.unwrap();
    let looked_at = AtomicU64::new(0);
    let progress = |values| {
        looked_at.fetch_add(values, Ordering::SeqCst);
    };
    let total = first.count().await.unwrap();
    let (first, second) = tokio::join!(first.run(&progress), second.run(&progress));
    let moved = |done: Vec<Reencrypted>| -> u64 {
        assert!(done.iter().all(|column| column.unreadable.is_empty()), "{done:?}");
        done.iter().map(|column| column.moved).sum()
    };
    assert_eq!(moved(first.unwrap()) + moved(second.unwrap()), total, "each value once");
    assert_eq!(looked_at.into_inner(), 2 * total);
    let (printed, result) = service.reencrypt(Keys(&b, None));
    result.unwrap();
    assert_eq!(numbers(&printed, "outbox.sealed_message"), [0, 1000, 0], "{printed}");
}

/// A column that is forgotten keeps the old key needed, and nobody is told. The answers to requests are not needed after ten minutes.
#[tokio::test]
async fn no_column_of_encrypted_values_is_left_out() {
    let service = service(Backend::Sqlite).await;
    service.database.store().await;
    let sealed = "SELECT COUNT(*) FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c \
                  WHERE t.type = 'table' AND c.name LIKE 'sealed%' AND t.name <> 'carried_out'";
    assert_eq!(usize::try_from(service.database.number(sealed).await).unwrap(), COLUMNS.len());
}

/// Then no signing key is stored, and everything else is as ever.
#[test]
fn a_configured_secret_keeps_nobody_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db", folder.path().display());
    let run = |arguments: &[&str]| {
        let mut command = command(arguments);
        command
            .env("DATABASE_URL", &url)
            .env("COUNTERSIGN_BCRYPT_COST", "4")
            .env("COUNTERSIGN_JWT_ALGORITHM", "HS256")
            .env("COUNTERSIGN_JWT_SECRET", STANDARD.encode([7; 32]));
        output(command)
    };
    run(&["migrate"]);
    run(&["seed", "--users", "1"]);
    let (result, said) = run(&["keys", "reencrypt"]);
    assert!(result.status.success(), "{said}");
    let printed = String::from_utf8(result.stdout).unwrap();
    assert_eq!(numbers(&printed, "wrapped_keys.sealed_key"), [0, 1, 0], "{printed}");
}
