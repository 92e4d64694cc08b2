//! Service accounts and their workloads.

use std::sync::Arc;

use countersign::{
    domain::{
        AssertionKeys, EventKind, Grants, Revoked, Scope, ServiceAccount, ServiceAccountId,
        Timestamp, Workload,
    },
    store::{
        AccountChanged, AccountTaken, EventFilter, NewServiceAccount, ServiceAccountChange, Store,
    },
};
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{ACTOR, ADDRESS, at, revoking, service_keys::new_key};
use crate::harness::{Backend, Database, on_both, unique};

pub(super) fn new_account() -> NewServiceAccount {
    let grants = Grants {
        scope: Scope::parse("orders.read orders.write").unwrap(),
        audiences: vec!["countersign".into(), "other".into()],
        may_exchange: true,
    };
    let account = ServiceAccount {
        id: ServiceAccountId(Uuid::now_v7()),
        name: unique("cart"),
        grants,
        assertion_keys: AssertionKeys { jwks: Some("{}".into()), jwks_url: None },
        epoch: 0,
        disabled_at: None,
        created_at: at(0),
    };
    NewServiceAccount { account, workloads: Vec::new(), key: None }
}

pub(super) async fn stored(store: &dyn Store) -> ServiceAccount {
    let new = new_account();
    assert_eq!(store.service_account_create(new.clone(), revoking(0)).await.unwrap(), None);
    new.account
}

fn workload(subject: &str) -> Workload {
    Workload { issuer: "https://k8s.example".into(), subject: subject.into() }
}

fn change(was: &ServiceAccount, account: ServiceAccount) -> ServiceAccountChange {
    let (kind, at) = (EventKind::ServiceAccountChanged, revoking(10));
    ServiceAccountChange { was: was.clone(), account, workloads: None, kind, at }
}

/// The kinds of the events about an account, the first one first. Each says who asked, and from where.
pub(super) async fn told(store: &dyn Store, id: ServiceAccountId) -> Vec<EventKind> {
    let since = Timestamp::from_unix_micros(0);
    let all = EventFilter { user_id: None, kind: None, since, most: 1000 };
    let mut events = store.events_list(all).await.unwrap();
    events.reverse();
    let own = events.into_iter().filter(|event| event.service_account_id == Some(id));
    own.map(|event| {
        assert_eq!((event.actor, event.address), (Some(ACTOR), Some(ADDRESS)));
        assert_eq!((event.user_id, event.session_id), (None, None));
        event.kind
    })
    .collect()
}

pub(super) async fn revoked(store: &dyn Store) -> Vec<Revoked> {
    let all = store.revocations_after(0, at(0), 1000).await.unwrap();
    all.into_iter().map(|revocation| revocation.revocation.subject).collect()
}

#[apply(on_both)]
#[tokio::test]
async fn an_account_is_found_as_it_was_written_by_its_name_id_and_workloads(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut new = new_account();
    // The same one twice is one.
    new.workloads = vec![workload("b"), workload("a"), workload("b")];
    new.key = Some(new_key(new.account.id));
    let (account, id) = (new.account.clone(), new.account.id);
    assert_eq!(store.service_account_create(new, revoking(0)).await.unwrap(), None);
    let other = stored(store.as_ref()).await;
    let by_name = store.service_account_by_name(&account.name).await.unwrap();
    assert_eq!(by_name.as_ref(), Some(&account));
    assert_eq!(store.service_account_find(id).await.unwrap().as_ref(), Some(&account));
    assert_eq!(store.service_account_of(&workload("a")).await.unwrap().as_ref(), Some(&account));
    assert_eq!(store.service_workloads(id).await.unwrap(), [workload("a"), workload("b")]);
    assert_eq!(store.service_accounts().await.unwrap(), [account, other]);
    assert_eq!(store.service_keys(id).await.unwrap().len(), 1);
    let kinds = [EventKind::ServiceAccountCreated, EventKind::ServiceKeyCreated];
    assert_eq!(told(store.as_ref(), id).await, kinds);
    let nobody = ServiceAccountId(Uuid::now_v7());
    assert_eq!(store.service_account_find(nobody).await.unwrap(), None);
    assert_eq!(store.service_account_by_name("nobody").await.unwrap(), None);
    let another_issuer = Workload { issuer: "https://other.example".into(), ..workload("a") };
    for unknown in [workload("c"), workload("A"), another_issuer] {
        assert_eq!(store.service_account_of(&unknown).await.unwrap(), None, "{unknown:?}");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_name_and_a_workload_are_one_accounts_and_nothing_is_left_of_a_refused_one(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut first = new_account();
    first.workloads = vec![workload("a")];
    assert_eq!(store.service_account_create(first.clone(), revoking(0)).await.unwrap(), None);
    let mut same_name = new_account();
    same_name.account.name.clone_from(&first.account.name);
    let mut same_workload = new_account();
    same_workload.workloads = vec![workload("b"), workload("a")];
    for (new, taken) in [(same_name, AccountTaken::Name), (same_workload, AccountTaken::Workload)] {
        let id = new.account.id;
        let new = NewServiceAccount { key: Some(new_key(id)), ..new };
        let refused = store.service_account_create(new, revoking(0)).await.unwrap();
        assert_eq!(refused, Some(taken));
        assert_eq!(store.service_account_find(id).await.unwrap(), None);
        assert!(told(store.as_ref(), id).await.is_empty());
    }
    assert_eq!(store.service_account_of(&workload("b")).await.unwrap(), None);
    assert_eq!(database.number("SELECT COUNT(*) FROM service_keys").await, 0);
}

#[apply(on_both)]
#[tokio::test]
async fn a_change_ends_tokens_where_the_epoch_grows_and_is_refused_on_another_state(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let was = stored(store.as_ref()).await;
    let make = async |change| store.service_account_change(change).await.unwrap();
    let wider = ServiceAccount {
        grants: Grants { scope: Scope::parse("a b c").unwrap(), ..Grants::default() },
        assertion_keys: AssertionKeys { jwks: None, jwks_url: Some("https://a.example".into()) },
        ..was.clone()
    };
    assert_eq!(make(change(&was, wider.clone())).await, AccountChanged::Yes);
    assert_eq!(store.service_account_find(was.id).await.unwrap(), Some(wider.clone()));
    assert!(revoked(store.as_ref()).await.is_empty());
    let with_grants = |grants| ServiceAccount { grants, ..wider.clone() };
    let with_keys = |assertion_keys| ServiceAccount { assertion_keys, ..wider.clone() };
    // Each of these has read what is not so any more, and would undo the change unseen.
    let disabled = ServiceAccount { disabled_at: Some(at(10)), epoch: 1, ..wider.clone() };
    for stale in [
        was.clone(),
        with_grants(Grants { scope: was.grants.scope.clone(), ..wider.grants.clone() }),
        with_grants(Grants { audiences: vec!["other".into()], ..wider.grants.clone() }),
        with_grants(Grants { may_exchange: true, ..wider.grants.clone() }),
        with_keys(AssertionKeys { jwks: Some("{}".into()), ..wider.assertion_keys.clone() }),
        with_keys(AssertionKeys { jwks_url: None, ..wider.assertion_keys.clone() }),
        ServiceAccount { epoch: 1, ..wider.clone() },
        ServiceAccount { disabled_at: Some(at(1)), ..wider.clone() },
    ] {
        let made = make(change(&stale, disabled.clone())).await;
        assert_eq!(made, AccountChanged::Meanwhile, "{stale:?}");
    }
    assert_eq!(store.service_account_find(was.id).await.unwrap(), Some(wider.clone()));
    assert_eq!(make(change(&wider, disabled.clone())).await, AccountChanged::Yes);
    assert_eq!(store.service_account_find(was.id).await.unwrap(), Some(disabled));
    assert_eq!(revoked(store.as_ref()).await, [Revoked::Service { id: was.id, epoch: 1 }]);
    let told = told(store.as_ref(), was.id).await;
    assert_eq!(told[1..], [EventKind::ServiceAccountChanged; 2]);
}

/// Neither brings back what the other has taken off.
#[apply(on_both)]
#[tokio::test]
async fn of_two_changes_of_the_same_workloads_one_is_made(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let account = stored(store.as_ref()).await;
    let set = async |was: &[&str], wanted: &[&str]| {
        let [was, wanted] = [was, wanted].map(|all| all.iter().map(|is| workload(is)).collect());
        let change = change(&account, account.clone());
        let change = ServiceAccountChange { workloads: Some([was, wanted]), ..change };
        store.service_account_change(change).await.unwrap()
    };
    assert_eq!(set(&[], &["a", "b"]).await, AccountChanged::Yes);
    assert_eq!(set(&["a", "b"], &["b"]).await, AccountChanged::Yes);
    assert_eq!(set(&["a", "b"], &["a", "b", "c"]).await, AccountChanged::Meanwhile);
    assert_eq!(store.service_workloads(account.id).await.unwrap(), [workload("b")]);
}

#[apply(on_both)]
#[tokio::test]
async fn workloads_are_bound_moved_and_unbound_with_the_account_or_not_at_all(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (one, other) = (stored(store.as_ref()).await, stored(store.as_ref()).await);
    let set = async |account: &ServiceAccount, subjects: &[&str]| {
        let wanted = subjects.iter().map(|subject| workload(subject)).collect();
        let widened = Grants { scope: Scope::parse("x").unwrap(), ..account.grants.clone() };
        let changed = ServiceAccount { grants: widened, ..account.clone() };
        let was = store.service_account_find(account.id).await.unwrap().unwrap();
        let before = store.service_workloads(account.id).await.unwrap();
        let workloads = Some([before, wanted]);
        let change = ServiceAccountChange { workloads, ..change(&was, changed) };
        store.service_account_change(change).await.unwrap()
    };
    let owner = async |subject| {
        let found = store.service_account_of(&workload(subject)).await.unwrap();
        found.map(|account| account.id)
    };
    assert_eq!(set(&one, &["a", "b", "a"]).await, AccountChanged::Yes);
    assert_eq!(set(&other, &["c", "b"]).await, AccountChanged::WorkloadTaken);
    assert_eq!([owner("b").await, owner("c").await], [Some(one.id), None]);
    let kept = store.service_account_find(other.id).await.unwrap().unwrap();
    assert_eq!(kept.grants, other.grants, "all of it or nothing");
    assert_eq!(set(&one, &["a"]).await, AccountChanged::Yes);
    assert_eq!(owner("b").await, None, "unbound");
    assert_eq!(set(&other, &["b"]).await, AccountChanged::Yes);
    assert_eq!([owner("a").await, owner("b").await], [Some(one.id), Some(other.id)], "moved");
    assert_eq!(set(&one, &[]).await, AccountChanged::Yes);
    assert!(store.service_workloads(one.id).await.unwrap().is_empty());
}

#[apply(on_both)]
#[tokio::test]
async fn a_deleted_account_leaves_a_revocation_and_a_free_name(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut new = new_account();
    let (id, key) = (new.account.id, new_key(new.account.id));
    new.workloads = vec![workload("a")];
    new.key = Some(key.clone());
    assert_eq!(store.service_account_create(new.clone(), revoking(0)).await.unwrap(), None);
    assert!(store.service_account_delete(id, revoking(5)).await.unwrap());
    assert!(!store.service_account_delete(id, revoking(6)).await.unwrap());
    assert_eq!(store.service_key_find(key.digest).await.unwrap(), None);
    assert_eq!(store.service_account_of(&workload("a")).await.unwrap(), None);
    assert_eq!(store.service_token_account(id, Uuid::now_v7()).await.unwrap(), None);
    assert_eq!(revoked(store.as_ref()).await, [Revoked::Service { id, epoch: 1 }]);
    assert_eq!(told(store.as_ref(), id).await.last(), Some(&EventKind::ServiceAccountDeleted));
    let again = ServiceAccountId(Uuid::now_v7());
    new.account.id = again;
    new.key = None;
    assert_eq!(store.service_account_create(new, revoking(7)).await.unwrap(), None);
}

/// Of many at once one gets the name, one the workload, and one makes its change.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_wins(backend: Backend) {
    let database = Database::new(backend).await;
    let replicas = [database.store().await, database.store().await];
    let won = async |news: Vec<NewServiceAccount>| {
        let creates = news.into_iter().enumerate().map(|(number, new)| {
            let store = Arc::clone(&replicas[number % 2]);
            tokio::spawn(async move { store.service_account_create(new, revoking(0)).await })
        });
        let ended = join_all(creates.collect::<Vec<_>>()).await;
        ended
            .into_iter()
            .filter(|ended| ended.as_ref().unwrap().as_ref().unwrap().is_none())
            .count()
    };
    let named = |name: &str| {
        let new = new_account();
        let account = ServiceAccount { name: name.into(), ..new.account };
        NewServiceAccount { account, ..new }
    };
    assert_eq!(won((0..64).map(|_| named("cart")).collect()).await, 1);
    let bound =
        (0..64).map(|_| NewServiceAccount { workloads: vec![workload("a")], ..new_account() });
    assert_eq!(won(bound.collect()).await, 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM service_accounts").await, 2);

    let was = stored(replicas[0].as_ref()).await;
    let changes = (0..64).map(|number| {
        let scope = Scope::parse(&format!("scope-{number}")).unwrap();
        let grants = Grants { scope, ..was.grants.clone() };
        let change = change(&was, ServiceAccount { grants, epoch: 1, ..was.clone() });
        let store = Arc::clone(&replicas[number % 2]);
        tokio::spawn(async move { store.service_account_change(change).await })
    });
    let made = join_all(changes.collect::<Vec<_>>()).await;
    let made = made.into_iter().map(|made| made.unwrap().unwrap());
    assert_eq!(made.filter(|made| *made == AccountChanged::Yes).count(), 1);
    assert_eq!(revoked(replicas[0].as_ref()).await, [Revoked::Service { id: was.id, epoch: 1 }]);
}
