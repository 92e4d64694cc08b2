//! Users as administrators see them.

use std::collections::BTreeSet;

use countersign::{
    domain::{
        JsonObject, ListedUser, LoginName, NameIndex, TimeIndex, User, UserFilter, UserQuery,
        UserScan,
    },
    store::{Deletion, NewUser, Store},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_message, new_user, revoking, session_of,
    stored_user,
};
use crate::harness::{Backend, Database, eventually, on_both};

async fn etag(store: &dyn Store, id: Uuid) -> String {
    store.managed_users(&[id]).await.unwrap().pop().unwrap().etag
}

#[apply(on_both)]
#[tokio::test]
async fn a_user_is_read_with_all_that_administrators_see(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let claims = serde_json::from_str(r#"{"tenant":"a"}"#).unwrap();
    let claims = JsonObject::parse_claims(claims).unwrap();
    let new = new_user();
    let new = NewUser { user: User { claims, ..new.user.clone() }, ..new };
    assert!(store.user_create(new.clone()).await.unwrap());
    database.run(r#"UPDATE users SET metadata = '{"a":1}'"#).await;
    let found = store.managed_users(&[new.user.id]).await.unwrap().pop().unwrap();
    assert_eq!(found.user, new.user);
    assert_eq!(found.metadata.to_text(), r#"{"a":1}"#);
    assert!(found.has_password && found.last_login_at.is_none());
    for name in
        [LoginName::Username(new.username_key.clone()), LoginName::Email(new.email_key.clone())]
    {
        let by_name = store.managed_user_by_login(&name).await.unwrap();
        assert_eq!(by_name.as_ref(), Some(&found));
    }
    let unknown = LoginName::Username(new.email_key);
    assert!(store.managed_user_by_login(&unknown).await.unwrap().is_none());

    let session = session_of(new.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    let later = store.managed_users(&[new.user.id]).await.unwrap().pop().unwrap();
    assert_eq!(later.last_login_at, Some(session.created_at));
    assert_eq!(later.etag, found.etag, "a login is no change");
    database.run("UPDATE users SET password_hash = ''").await;
    assert!(!store.managed_users(&[new.user.id]).await.unwrap()[0].has_password);
}

#[apply(on_both)]
#[tokio::test]
async fn many_are_read_at_once_and_who_is_deleted_is_missing(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut ids = BTreeSet::new();
    for _ in 0..250 {
        ids.insert(stored_user(store.as_ref()).await.user.id);
    }
    let mut asked: Vec<_> = ids.iter().copied().collect();
    asked.push(Uuid::now_v7());
    let found = store.managed_users(&asked).await.unwrap();
    assert_eq!(found.iter().map(|user| user.user.id).collect::<BTreeSet<_>>(), ids);
    assert_eq!(found.len(), 250);
    assert_eq!(store.managed_users(&[]).await.unwrap(), []);

    let (id, session) = (asked[0], session_of(asked[0]));
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    assert_eq!(
        store.user_delete(id, session.id, 1, revoking(10), new_message()).await.unwrap(),
        Deletion::Done
    );
    assert_eq!(store.managed_users(&[id, asked[1]]).await.unwrap().len(), 1);
    let left = "SELECT COUNT(*) FROM user_roles WHERE user_id = (SELECT id FROM users WHERE deleted_at IS NOT NULL)";
    assert_eq!(database.number(left).await, 0, "nor do roles lead to it");
    let left =
        "SELECT COUNT(*) FROM users WHERE deleted_at IS NOT NULL AND last_login_at IS NOT NULL";
    assert_eq!(database.number(left).await, 0);
}

/// Whatever statement changes an account, also one of a later release.
#[apply(on_both)]
#[tokio::test]
async fn every_change_makes_another_etag(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let id = stored_user(store.as_ref()).await.user.id;
    let mut seen = BTreeSet::from([etag(store.as_ref(), id).await]);
    for change in [
        "username = 'other'",
        "email = 'other'",
        "email_verified = TRUE",
        "disabled_at = created_at",
        "roles = 'admin'",
        "roles = ''",
        r#"claims = '{"a":"b"}'"#,
        r#"metadata = '{"a":"b"}'"#,
        "claims = NULL",
        "is_2fa_enabled = FALSE",
        "credential_version = credential_version + 1",
        "factor_version = factor_version + 1",
    ] {
        database.run(&format!("UPDATE users SET {change}")).await;
        assert!(seen.insert(etag(store.as_ref(), id).await), "{change}");
    }
    let before = etag(store.as_ref(), id).await;
    for other in
        ["last_login_at = created_at", "verify_by = created_at", "password_hash = 'rehashed'"]
    {
        database.run(&format!("UPDATE users SET {other}")).await;
        assert_eq!(etag(store.as_ref(), id).await, before, "{other}");
    }
}

fn keys(users: &[ListedUser]) -> Vec<Uuid> {
    users.iter().map(|listed| listed.managed.user.id).collect()
}

#[apply(on_both)]
#[tokio::test]
async fn a_range_is_read_in_its_order_after_its_place_and_up_to_its_end(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut users = Vec::new();
    for index in 0..10_u64 {
        let new = new_user();
        let user = User {
            // Two share a time.
            created_at: at(index / 2),
            email_verified: index < 4,
            disabled_at: (index % 2 == 1).then(|| at(9)),
            roles: if index < 6 { vec!["staff".into(), "x".into()] } else { vec!["sta".into()] },
            ..new.user.clone()
        };
        // Bytes, and not letters, are what counts.
        let username_key =
            format!("{}{index}", ["b", "a", "ä", "a-"][usize::try_from(index % 4).unwrap()]);
        let new = NewUser { user, username_key, ..new };
        assert!(store.user_create(new.clone()).await.unwrap());
        users.push(new);
    }
    let id = |index: usize| users[index].user.id;
    let read = async |index, descending, after, until, most| {
        let scan = UserScan::ByTime { index, descending, after, until };
        keys(&store.managed_user_scan(&scan, most).await.unwrap())
    };
    let all: Vec<_> = (0..10).map(id).collect();
    let nil = Uuid::nil();
    assert_eq!(read(TimeIndex::Created, false, (at(0), nil), at(9), 100).await, all);
    assert_eq!(read(TimeIndex::Created, false, (at(0), nil), at(9), 3).await, all[..3]);
    assert_eq!(read(TimeIndex::Created, false, (at(1), id(2)), at(3), 100).await, all[3..6]);
    let down = |from: usize, to: usize| all[to..from].iter().rev().copied().collect::<Vec<_>>();
    assert_eq!(read(TimeIndex::Created, true, (at(9), nil), at(0), 100).await, down(10, 0));
    assert_eq!(read(TimeIndex::Created, true, (at(3), id(7)), at(2), 100).await, down(7, 4));
    let staff = TimeIndex::Role("staff".into());
    assert_eq!(read(staff.clone(), false, (at(0), nil), at(9), 100).await, all[..6]);
    assert_eq!(read(staff, true, (at(9), nil), at(1), 100).await, down(6, 2));
    let verified = TimeIndex::Verified(true);
    assert_eq!(read(verified, false, (at(0), id(0)), at(9), 100).await, all[1..4]);
    assert_eq!(read(TimeIndex::Verified(false), true, (at(9), nil), at(0), 2).await, down(10, 8));
    let odd: Vec<_> = all.iter().skip(1).step_by(2).copied().collect();
    assert_eq!(read(TimeIndex::Disabled, false, (at(0), nil), at(9), 100).await, odd);
    assert!(read(TimeIndex::LastLogin, true, (at(9), nil), at(0), 100).await.is_empty());
    let session = session_of(id(7));
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    assert!(read(TimeIndex::LastLogin, true, (at(9), nil), at(0), 100).await.is_empty());
    database.run("UPDATE users SET last_login_at = created_at WHERE email_verified").await;
    assert_eq!(read(TimeIndex::LastLogin, true, (at(9), nil), at(0), 100).await, down(4, 0));
    assert_eq!(read(TimeIndex::LastLogin, false, (at(0), nil), at(1), 100).await, all[..2]);

    let named = async |index, prefix: &str, after: Uuid| {
        let until = format!("{prefix}{}", char::MAX);
        let scan = UserScan::ByName { index, after: (prefix.to_owned(), after), until };
        keys(&store.managed_user_scan(&scan, 100).await.unwrap())
    };
    assert_eq!(named(NameIndex::Username, "a", nil).await, [3, 7, 1, 5, 9].map(id));
    assert_eq!(named(NameIndex::Username, "ä", nil).await, [2, 6].map(id));
    assert_eq!(named(NameIndex::Username, "a1", nil).await, [id(1)]);
    assert!(named(NameIndex::Username, "a1", id(1)).await.is_empty());
    assert!(named(NameIndex::Username, "%", nil).await.is_empty());
    assert_eq!(named(NameIndex::Email, &users[4].email_key, nil).await, [id(4)]);
    assert!(named(NameIndex::Email, "USER", nil).await.is_empty());
    let query = UserQuery::parse(UserFilter::default(), "create_time").unwrap();
    let first = store.managed_user_scan(&query.scan(None).unwrap(), 1).await.unwrap();
    assert_eq!(keys(&first), [id(0)]);
    let user = &first[0].managed.user;
    assert!(user.disabled_at.is_none() && user.roles == ["staff", "x"]);
    let place = query.place_of(&first[0]);
    let next = store.managed_user_scan(&query.scan(place.as_ref()).unwrap(), 1).await.unwrap();
    assert_eq!(keys(&next), [id(1)]);
}

/// What Postgres has read of users and of their roles.
async fn rows_read(database: &Database) -> i64 {
    let read = "SELECT SUM(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_user_tables \
                WHERE relname IN ('users', 'user_roles')";
    database.number(read).await
}

/// Whatever statistics Postgres has. What it has read a connection tells when it ends.
#[tokio::test]
async fn a_range_reads_the_rows_that_it_gives_and_no_others() {
    let database = Database::new(Backend::Postgres).await;
    database.store().await.close().await;
    database
        .run(
            "INSERT INTO users (id, username, username_key, email, email_key, email_verified, password_hash, \
             credential_version, is_2fa_enabled, roles, disabled_at, created_at, last_login_at) \
             SELECT gen_random_uuid(), 'u' || i, 'u' || i, 'u' || i || '@a.example', 'u' || i || '@a.example', i % 2 = 0, '', \
             1, FALSE, 'staff', to_timestamp(i), to_timestamp(i), to_timestamp(i) FROM generate_series(1, 5000) AS i",
        )
        .await;
    database
        .run("INSERT INTO user_roles (role, created_at, user_id) SELECT 'staff', created_at, id FROM users")
        .await;
    database.run("ANALYZE").await;
    let text = || Some("u".to_owned());
    let base = UserFilter::default;
    let lists = [
        (base(), "create_time"),
        (base(), "create_time desc"),
        (base(), "last_login_time"),
        (UserFilter { disabled: Some(true), ..base() }, ""),
        (UserFilter { role: Some("staff".into()), ..base() }, ""),
        (UserFilter { email_verified: Some(true), ..base() }, ""),
        (UserFilter { username_prefix: text(), ..base() }, ""),
        (UserFilter { email_prefix: text(), ..base() }, ""),
    ];
    let connections_ended = async || {
        let others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        eventually("the connections' end", async || database.number(others).await == 0).await;
    };
    connections_ended().await;
    let before = rows_read(&database).await;
    let store = database.store().await;
    for (filter, order) in &lists {
        let query = UserQuery::parse(filter.clone(), order).unwrap();
        let first = store.managed_user_scan(&query.scan(None).unwrap(), 10).await.unwrap();
        let place = query.place_of(first.last().unwrap());
        let next = store.managed_user_scan(&query.scan(place.as_ref()).unwrap(), 10).await.unwrap();
        assert_eq!((first.len(), next.len()), (10, 10), "{filter:?} {order}");
    }
    store.close().await;
    connections_ended().await;
    let read = rows_read(&database).await - before;
    // Twenty of each list, and of a role's as many links to them.
    let given = i64::try_from(20 * (lists.len() + 1)).unwrap();
    assert!((given..2 * given).contains(&read), "{read} rows for {given}");
}
